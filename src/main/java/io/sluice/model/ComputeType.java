package io.sluice.model;

import io.sluice.memory.DType;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The precision in which a model computes. */
public enum ComputeType {
  /** Float32 throughout. */
  FLOAT32("float32", DType.F32),

  /**
   * Float32, but for products with weights: these are taken of two bfloat16 parts of each factor,
   * as {@link io.sluice.torch.SplitMatrix} says, which is within about 4e-6 of them and about twice
   * as fast. Activations and all else are float32. On CPUs with matrix units for bfloat16 (AMX),
   * with a LibTorch that has MKL.
   */
  BFLOAT16X3("bfloat16x3", DType.F32),

  /** Bfloat16 throughout; of causal language models only. */
  BFLOAT16("bfloat16", DType.BF16);

  private final String label;
  private final DType dtype;

  ComputeType(String label, DType dtype) {
    this.label = label;
    this.dtype = dtype;
  }

  /** Its name on a command line. */
  public String label() {
    return label;
  }

  /** The type of activations. */
  public DType dtype() {
    return dtype;
  }

  /**
   * The constant with this {@link #label}.
   *
   * @throws IllegalArgumentException if there is none; the message lists all
   */
  public static ComputeType ofLabel(String label) {
    return Arrays.stream(values())
        .filter(type -> type.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown compute type '" + label + "'; known: " + labels()));
  }

  /** All labels, with commas between. */
  public static String labels() {
    return Arrays.stream(values()).map(ComputeType::label).collect(Collectors.joining(", "));
  }
}
