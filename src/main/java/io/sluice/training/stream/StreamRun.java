package io.sluice.training.stream;

import io.sluice.training.config.TrainingConfig;

/**
 * A dictionary that is trained on a stream.
 *
 * @param config its settings
 * @param name the name of the run in reports
 * @param folder the name of its folder within that of the stream; {@code .} for that itself
 */
public record StreamRun(TrainingConfig config, String name, String folder) {}
