package io.sluice.cli.results;

import io.sluice.model.HookPoint;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.TokenExclusion;
import java.util.List;

/**
 * What {@code sluice spectrum} measures while a model reads texts.
 *
 * @param model reads them; whoever has this closes it
 * @param contexts the texts, and how they are cut
 * @param points the hook points
 * @param first the first position of a context that is used
 * @param exclusion tokens that are left out
 * @param directions whether the moments of directions are taken, too
 * @param spectra measures covariances
 */
public record TextMeasuring(
    LoadedModel model,
    ContextSpec contexts,
    List<HookPoint> points,
    int first,
    TokenExclusion exclusion,
    boolean directions,
    StoreSpectra spectra) {}
