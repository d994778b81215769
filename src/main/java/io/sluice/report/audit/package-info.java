/**
 * The page of {@code sluice audit}: where each dictionary fits, what was tried, and the dead share
 * of several dictionaries against the rank of their places. What is measured belongs to {@code
 * io.sluice.audit}.
 */
package io.sluice.report.audit;
