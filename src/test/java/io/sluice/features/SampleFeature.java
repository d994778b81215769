package io.sluice.features;

import java.util.List;

/** A feature with every part. */
public final class SampleFeature {
  private SampleFeature() {}

  /** Feature 123, whose tokens hold a line break, an escape sequence and a hidden character. */
  public static Feature make() {
    Feature.Context top =
        new Feature.Context(
            77,
            "moby.txt",
            40,
            4f,
            38,
            List.of(
                new Feature.Token("the", 0),
                new Feature.Token(" white", 1f),
                new Feature.Token(" whale", 4f),
                new Feature.Token("\n", 0),
                new Feature.Token("\u001b[31m", 0.5f),
                new Feature.Token("\u202e", 0)),
            List.of(new Feature.Source(39, 2, 2.5f)));
    Feature.Context lower =
        new Feature.Context(
            5, null, 5, 0.5f, 5, List.of(new Feature.Token("<7>", 0.5f)), List.of());
    return new Feature(
        123,
        42,
        0.00042f,
        1.5f,
        4f,
        false,
        List.of(
            new Feature.Bin(0.1, 1, 0),
            new Feature.Bin(1, 2, 30),
            new Feature.Bin(2, 4, 0),
            new Feature.Bin(4, 8, 12),
            new Feature.Bin(8, 16, 0)),
        1.25f,
        1f,
        0.8f,
        0.93f,
        List.of(top),
        List.of(lower),
        List.of(new Feature.Effect(" sea", 6, 2.5f)),
        List.of(new Feature.Effect("\t", 9, -1.25f)),
        List.of(0.1f, -0.05f, 0.9f),
        null,
        List.of(new Feature.Similar(7, 0.75f)));
  }
}
