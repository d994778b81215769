package io.sluice.model.causal;

import io.sluice.files.Quoted;
import io.sluice.model.parts.MlpActivation;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the configuration of a causal language model from a GGUF file's metadata. Keys and defaults
 * are those of llama.cpp; a setting that changes the computation in a way that is not implemented
 * is refused.
 */
public final class GgufConfig {
  private static final String SUPPORTED = "gemma2, gpt2, gptneox, llama, qwen2, qwen3";
  private static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final List<String> OTHER_FACTORS =
      List.of("rope_factors_long.weight", "rope_factors_short.weight");

  /** llama.cpp tells Gemma 2's models apart by their layers; only the largest scales by width. */
  private static final int LAYERS_OF_GEMMA2_27B = 46;

  private final GgufFile file;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final String prefix;
  private final int layers;
  private final int width;
  private final int heads;

  private GgufConfig(GgufFile file, Architecture architecture, String name) throws IOException {
    this.file = file;
    this.metadata = file.metadata();
    this.architecture = architecture;
    this.prefix = name + ".";
    this.layers = size("block_count");
    this.width = size("embedding_length");
    this.heads = size("attention.head_count");
    if (layers > file.names().size()) {
      throw damaged(layers + " layers in a file of " + file.names().size() + " tensors");
    }
  }

  /**
   * What the file says.
   *
   * @throws IOException if the architecture is not supported, or a setting is missing, out of range
   *     or not supported
   */
  public static CausalConfig read(GgufFile file) throws IOException {
    String name = file.metadata().text("general.architecture");
    Architecture architecture =
        switch (name) {
          case "llama" -> Architecture.LLAMA;
          case "qwen2" -> Architecture.QWEN2;
          case "qwen3" -> Architecture.QWEN3;
          case "gemma2" -> Architecture.GEMMA2;
          case "gpt2" -> Architecture.GPT2;
          case "gptneox" -> Architecture.GPT_NEOX;
          default ->
              throw new IOException(
                  file.path()
                      + ": architecture "
                      + Quoted.of(name)
                      + " is not supported in GGUF files; there are "
                      + SUPPORTED);
        };
    if (file.metadata().integer("split.count", 1) > 1) {
      throw new IOException(
          file.path()
              + ": is one part of several; join them with llama.cpp's gguf-split --merge first");
    }
    GgufKeys.check(file, name);
    GgufConfig reading = new GgufConfig(file, architecture, name);
    try {
      return reading.config();
    } catch (IllegalArgumentException e) {
      throw reading.damaged(e.getMessage());
    }
  }

  private CausalConfig config() throws IOException {
    boolean rms = architecture != Architecture.GPT2 && architecture != Architecture.GPT_NEOX;
    boolean gemma = architecture == Architecture.GEMMA2;
    return new CausalConfig(
        architecture,
        layers,
        width,
        size("feed_forward_length"),
        vocabulary(),
        size("context_length"),
        metadata.real(
            prefix + (rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon")),
        switch (architecture) {
          case GPT2, GEMMA2 -> MlpActivation.GELU_TANH;
          case GPT_NEOX -> MlpActivation.GELU;
          default -> MlpActivation.SILU;
        },
        file.has("blk.0.ffn_up.bias"),
        metadata.flag(prefix + "use_parallel_residual", true),
        !file.has("output.weight"),
        gemma ? metadata.real(prefix + "final_logit_softcapping", 30) : 0,
        attention(gemma));
  }

  private AttentionConfig attention(boolean gemma) throws IOException {
    int headDim = size("attention.key_length", width / heads);
    if (size("attention.value_length", headDim) != headDim) {
      throw unsupported("heads whose values and keys differ in width");
    }
    boolean rotates = architecture != Architecture.GPT2;
    if (rotates && headDim % 2 != 0) {
      throw damaged("heads of width " + headDim + " cannot be rotated");
    }
    boolean bias =
        switch (architecture) {
          case GPT2, GPT_NEOX, QWEN2 -> true;
          default -> file.has("blk.0.attn_q.bias");
        };
    int scaledBy = gemma && layers == LAYERS_OF_GEMMA2_27B ? width / heads : headDim;
    return new AttentionConfig(
        heads,
        size("attention.head_count_kv", heads),
        headDim,
        rotates ? rotary(headDim) : null,
        gemma ? alternating() : AttentionConfig.noWindows(layers),
        1 / Math.sqrt(scaledBy),
        gemma ? metadata.real(prefix + "attn_logit_softcapping", 50) : 0,
        bias);
  }

  private List<Integer> alternating() throws IOException {
    int window = size("attention.sliding_window", 4096);
    List<Integer> windows = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      windows.add(layer % 2 == 0 ? window : 0);
    }
    return windows;
  }

  private Rotary rotary(int headDim) throws IOException {
    int dims = size("rope.dimension_count", headDim);
    if (dims > headDim || dims < headDim && architecture == Architecture.LLAMA) {
      throw damaged("rotary embedding of " + dims + " dimensions in heads of " + headDim);
    }
    Rotary rotary = Rotary.of(metadata.real(prefix + "rope.freq_base", 10000), dims);
    for (String factors : OTHER_FACTORS) {
      if (file.has(factors)) {
        throw unsupported("rotary positions that depend on the length of a context");
      }
    }
    if (file.has(ROPE_FACTORS)) {
      rotary = rotary.dividedBy(factors());
    }
    // As in llama.cpp, a factor without a type is one of linear scaling.
    String scaling = metadata.text(prefix + "rope.scaling.type", "linear");
    double factor =
        metadata.real(
            prefix + "rope.scaling.factor", metadata.real(prefix + "rope.scale_linear", 0));
    return switch (scaling) {
      case "none" -> rotary;
      case "linear" -> factor == 0 ? rotary : rotary.linear(factor);
      default -> throw unsupported("rope scaling " + Quoted.of(scaling));
    };
  }

  /** Llama 3's scaling, which llama.cpp keeps as a tensor. */
  private float[] factors() throws IOException {
    if (!file.contains(ROPE_FACTORS)) {
      throw damaged(ROPE_FACTORS + " is " + file.unreadable(ROPE_FACTORS) + ", not F32");
    }
    switch (file.dtype(ROPE_FACTORS)) {
      case F32 -> {
        return file.data(ROPE_FACTORS).toArray(ValueLayout.JAVA_FLOAT);
      }
      default -> throw damaged(ROPE_FACTORS + " is " + file.type(ROPE_FACTORS) + ", not F32");
    }
  }

  private int vocabulary() throws IOException {
    String name = "token_embd.weight";
    if (!file.contains(name) || file.shape(name).length != 2) {
      throw damaged("it has no token embedding '" + name + "'");
    }
    long rows = file.shape(name)[0];
    if (rows < 1 || rows > Integer.MAX_VALUE) {
      throw damaged("its token embedding has " + rows + " rows");
    }
    long stated = metadata.integer(prefix + "vocab_size", rows);
    if (stated != rows) {
      throw damaged(
          prefix + "vocab_size is " + stated + ", and the embedding has " + rows + " rows");
    }
    return (int) rows;
  }

  /** A size; a list of one for each layer will do if all are the same. */
  private int size(String key) throws IOException {
    long size;
    if (metadata.contains(prefix + key) && metadata.value(prefix + key) instanceof List<?> each) {
      if (each.isEmpty() || !each.stream().allMatch(each.getFirst()::equals)) {
        throw unsupported("layers that differ in " + prefix + key);
      }
      size = metadata.integers(prefix + key)[0];
    } else {
      size = metadata.integer(prefix + key);
    }
    if (size < 1 || size > Integer.MAX_VALUE) {
      throw damaged(prefix + key + " is " + size);
    }
    return (int) size;
  }

  private int size(String key, int otherwise) throws IOException {
    return metadata.contains(prefix + key) ? size(key) : otherwise;
  }

  private IOException damaged(String wrong) {
    return new IOException(
        file.path() + ": " + wrong + "; the file is damaged or incomplete, fetch it again");
  }

  private IOException unsupported(String what) {
    return new IOException(
        file.path() + ": the model has " + what + ", which is not supported; give another model");
  }
}
