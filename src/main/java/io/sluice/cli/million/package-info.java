/**
 * {@code sluice demo --million}: a large dictionary trained twice, and three smaller ones, in a
 * folder that an interrupted demo continues from. It runs the other commands and holds no
 * arithmetic of its own; {@link io.sluice.report.MillionPage} writes the page.
 */
package io.sluice.cli.million;
