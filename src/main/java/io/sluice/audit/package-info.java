/**
 * Whether a dictionary, of another library for instance, is where it should be: {@link
 * io.sluice.audit.Auditor} attaches it to its model at the hook point that its configuration names
 * and at those nearby, with each normalisation, with and without the beginning-of-text token, and
 * says in a sentence where it fits ({@link io.sluice.audit.Finding}).
 *
 * <p>Which tokens, places and normalisations are tried, and what follows from the results, belongs
 * here. Reading formats belongs to {@code io.sluice.dictionary.formats}, the page to {@code
 * io.sluice.report.audit}, measuring a dictionary at its place alone to {@code
 * io.sluice.evaluation}.
 */
package io.sluice.audit;
