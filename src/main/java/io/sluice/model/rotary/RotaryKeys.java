package io.sluice.model.rotary;

import io.sluice.model.parts.KeyTable;

/** The keys inside {@code rope_parameters} and {@code rope_scaling} of {@code config.json}. */
public final class RotaryKeys {
  static final String ORIGINAL = "original_max_position_embeddings";
  static final String FACTOR = "attention_factor";
  static final String SHARE = "partial_rotary_factor";

  private RotaryKeys() {}

  /** Those of models that rotate all dimensions of a head. */
  public static KeyTable all() {
    return scaling("type", "truncate").unlessNumber(1, true, SHARE);
  }

  /** Those of models that may rotate a part of each head. */
  public static KeyTable partial() {
    return scaling("type", "truncate").honoured(SHARE);
  }

  /**
   * The two parts of {@code rope_parameters} in models whose layers with a window have their own.
   */
  public static KeyTable layerTypes() {
    return new KeyTable("rotary positions by type of layer")
        .honoured("full_attention", "sliding_attention");
  }

  /**
   * Those inside each part. {@code transformers} reads {@code truncate} outside of them, and {@code
   * type} in some files only.
   */
  public static KeyTable ofLayerType() {
    return scaling().unlessTrue("truncate").unlessNumber(1, true, SHARE);
  }

  /** Those of models whose only scaling is LongRoPE. */
  public static KeyTable longRope() {
    return new KeyTable("rotary positions")
        .honoured("rope_type", "type", "rope_theta", SHARE, "factor", FACTOR)
        .honoured("short_factor", "long_factor")
        .unlessNone("mrope_section")
        .noEffect(ORIGINAL, "low_freq_factor", "high_freq_factor", "beta_fast", "beta_slow")
        .noEffect("mscale", "mscale_all_dim", "truncate", "finetuned");
  }

  private static KeyTable scaling(String... more) {
    return new KeyTable("rotary positions")
        .honoured("rope_type", "rope_theta", "factor", "low_freq_factor", "high_freq_factor")
        .honoured(ORIGINAL, FACTOR, "beta_fast", "beta_slow", "mscale", "mscale_all_dim")
        .honoured(more)
        .unlessNone("mrope_section")
        // Of longrope, which these models do not have.
        .noEffect("short_factor", "long_factor", "finetuned");
  }
}
