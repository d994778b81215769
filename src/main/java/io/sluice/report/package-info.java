/**
 * The HTML report: one self-contained page of a transformer's spectra and of the dictionaries
 * trained on it.
 *
 * <p>{@link io.sluice.report.Spectra} and {@link io.sluice.report.TrainingRun} read the files of
 * the commands {@code spectrum}, {@code train} and {@code evaluate}; {@link
 * io.sluice.report.Report} writes the page, which makes no network requests. Measures are computed
 * elsewhere ({@code geometry}, {@code evaluation}).
 */
package io.sluice.report;
