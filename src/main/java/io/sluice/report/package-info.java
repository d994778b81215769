/**
 * The HTML report: one self-contained page that shows in how few dimensions a transformer writes,
 * and how dictionaries trained on it fared.
 *
 * <p>{@link io.sluice.report.Spectra} and {@link io.sluice.report.TrainingRun} read what the
 * commands {@code spectrum}, {@code train} and {@code evaluate} left; {@link
 * io.sluice.report.Report} puts them on a page. The page asks the network for nothing.
 */
package io.sluice.report;
