package io.sluice.engine.arithmetic;

/**
 * What is known of a batch that was trained on.
 *
 * @param squaredError of ŷ, summed over rows and columns; not finite if training diverged
 * @param codes how many there were
 * @param leastScore {@link Codes#leastScore} of them
 */
public record BatchResult(double squaredError, int codes, float leastScore) {}
