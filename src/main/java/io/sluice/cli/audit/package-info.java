/**
 * {@code sluice audit}: {@link io.sluice.cli.audit.AuditCommand}, its options and the page that it
 * prints. What is tried and what follows belongs to {@code io.sluice.audit}, the HTML page to
 * {@code io.sluice.report.audit}.
 */
package io.sluice.cli.audit;
