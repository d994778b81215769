/**
 * What all HTML pages share: text and data that cannot run, the content security policy, style and
 * scripts of the common parts. {@code io.sluice.report} and {@code io.sluice.browse} make the
 * pages; nothing here knows what a page shows.
 */
package io.sluice.page;
