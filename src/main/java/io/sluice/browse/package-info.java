/**
 * Features in a browser: a server on this machine alone, and a page that is complete in itself.
 *
 * <p>{@link io.sluice.browse.FeatureServer} serves a folder of features, {@link
 * io.sluice.browse.FeatureFile} writes some of them into one HTML file. Both show the same page,
 * whose scripts are among the resources of this package; the page loads nothing from elsewhere.
 * Numbers and contexts are read by {@code io.sluice.features}; nothing here computes them.
 */
package io.sluice.browse;
