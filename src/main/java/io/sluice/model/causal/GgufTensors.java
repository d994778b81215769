package io.sluice.model.causal;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.model.parts.ModelTensors;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The parameters of a causal language model in a GGUF file, under HuggingFace's names and in
 * HuggingFace's arrangement: what llama.cpp's converter rearranges is put back. Quantised
 * tensors are dequantised one by one, straight into the memory of the tensor that is returned.
 */
public final class GgufTensors implements ModelTensors {
  private static final Map<String, String> LLAMA =
      Map.ofEntries(
          Map.entry("model.embed_tokens", "token_embd"),
          Map.entry("model.norm", "output_norm"),
          Map.entry("lm_head", "output"),
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  /** Where Gemma 2 differs: it has a norm before and after each block. */
  private static final Map<String, String> GEMMA2 =
      Map.of(
          "post_attention_layernorm", "post_attention_norm",
          "pre_feedforward_layernorm", "ffn_norm",
          "post_feedforward_layernorm", "post_ffw_norm");

  private static final Map<String, String> GPT2 =
      Map.ofEntries(
          Map.entry("transformer.wte", "token_embd"),
          Map.entry("transformer.wpe", "position_embd"),
          Map.entry("transformer.ln_f", "output_norm"),
          Map.entry("lm_head", "output"),
          Map.entry("ln_1", "attn_norm"),
          Map.entry("attn.c_attn", "attn_qkv"),
          Map.entry("attn.c_proj", "attn_output"),
          Map.entry("ln_2", "ffn_norm"),
          Map.entry("mlp.c_fc", "ffn_up"),
          Map.entry("mlp.c_proj", "ffn_down"));

  private static final Map<String, String> GPT_NEOX =
      Map.ofEntries(
          Map.entry("gpt_neox.embed_in", "token_embd"),
          Map.entry("gpt_neox.final_layer_norm", "output_norm"),
          Map.entry("embed_out", "output"),
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("attention.query_key_value", "attn_qkv"),
          Map.entry("attention.dense", "attn_output"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("mlp.dense_h_to_4h", "ffn_up"),
          Map.entry("mlp.dense_4h_to_h", "ffn_down"));

  private final GgufFile file;
  private final CausalConfig config;
  private final Set<String> taken = new HashSet<>();

  public GgufTensors(GgufFile file, CausalConfig config) {
    this.file = file;
    this.config = config;
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public boolean contains(String name) {
    String stored = stored(name);
    return stored != null && file.has(stored);
  }

  @Override
  public String unreadable(String name) {
    String stored = stored(name);
    return stored == null ? null : file.unreadable(stored);
  }

  @Override
  public long[] shape(String name) {
    long[] shape = file.shape(stored(name));
    return isTransposed(name) ? new long[] {shape[1], shape[0]} : shape;
  }

  @Override
  public Tensor read(String name) throws IOException {
    String stored = stored(name);
    taken.add(stored);
    long[] shape = file.shape(stored);
    Tensor tensor = values(stored, shape);
    return switch (config.architecture()) {
      case GPT2 -> isTransposed(name) ? tensor.transpose(0, 1) : tensor;
      case GPT_NEOX -> stored.contains(".attn_qkv.") ? headByHead(stored, tensor, shape) : tensor;
      case GEMMA2 -> stored.contains("_norm.") ? tensor.to(DType.F32).add(-1) : tensor;
      case LLAMA ->
          stored.contains(".attn_q.")
              ? halfByHalf(stored, tensor, shape, config.attention().heads())
              : stored.contains(".attn_k.")
                  ? halfByHalf(stored, tensor, shape, config.attention().keyValueHeads())
                  : tensor;
      default -> tensor;
    };
  }

  /** llama.cpp adds a bias, and multiplies by a scale, wherever a file has one. */
  @Override
  public void requireAllTaken() throws IOException {
    for (String name : file.names()) {
      if ((name.endsWith(".bias") || name.endsWith(".scale")) && !taken.contains(name)) {
        throw new IOException(
            file.path()
                + ": has the tensor "
                + Quoted.of(name)
                + ", for which there is no place in a model of type "
                + config.architecture().label()
                + "; give another model");
      }
    }
  }

  private Tensor values(String stored, long[] shape) throws IOException {
    DType dtype = file.dtype(stored);
    if (!dtype.isFloating()) {
      throw new IOException(
          file.path()
              + ": tensor '"
              + stored
              + "' is "
              + dtype.label()
              + ", not floating-point; the file is damaged or incomplete, fetch it again");
    }
    if (!file.type(stored).isQuantised()) {
      return Tensor.of(file.data(stored), dtype, shape);
    }
    Tensor tensor = Tensor.empty(DType.F32, Device.CPU, shape);
    file.dequantise(stored, tensor.data());
    return tensor;
  }

  /** The converter puts the two halves of a Llama head's rows side by side. */
  private Tensor halfByHalf(String stored, Tensor tensor, long[] shape, int heads)
      throws IOException {
    requireRows(stored, shape, 2L * heads);
    return swapped(tensor, shape, heads, shape[0] / heads / 2, 2);
  }

  /** The converter puts all heads' queries first, then keys, then values. */
  private Tensor headByHead(String stored, Tensor tensor, long[] shape) throws IOException {
    int heads = config.attention().heads();
    requireRows(stored, shape, 3L * heads);
    long[] split = {3, heads, shape[0] / heads / 3};
    return tensor.reshape(with(split, shape)).transpose(0, 1).reshape(shape);
  }

  /** The rows of a projection fall into so many parts of one size. */
  private void requireRows(String stored, long[] shape, long parts) throws IOException {
    if (shape.length == 0 || shape[0] % parts != 0) {
      throw new IOException(
          "%s: tensor %s has the shape %s, which does not fit %d heads; the file is damaged or incomplete, fetch it again"
              .formatted(
                  file.path(),
                  Quoted.of(stored),
                  Arrays.toString(shape),
                  config.attention().heads()));
    }
  }

  private static Tensor swapped(Tensor tensor, long[] shape, long outer, long a, long b) {
    return tensor.reshape(with(new long[] {outer, a, b}, shape)).transpose(1, 2).reshape(shape);
  }

  /** {@code shape} with its first size split as {@code split} says. */
  private static long[] with(long[] split, long[] shape) {
    long[] all = Arrays.copyOf(split, split.length + shape.length - 1);
    System.arraycopy(shape, 1, all, split.length, shape.length - 1);
    return all;
  }

  /** GPT-2's projections are kept {@code [in, out]} by HuggingFace alone. */
  private boolean isTransposed(String name) {
    return config.architecture() == Architecture.GPT2
        && name.contains(".c_")
        && name.endsWith(".weight")
        && file.shape(stored(name)).length == 2;
  }

  /** The file's name of a parameter, or null if it has none. */
  private String stored(String name) {
    int dot = name.lastIndexOf('.');
    String module = name.substring(0, dot);
    String kind = name.substring(dot);
    String layers =
        switch (config.architecture()) {
          case GPT2 -> "transformer.h.";
          case GPT_NEOX -> "gpt_neox.layers.";
          default -> "model.layers.";
        };
    if (!module.startsWith(layers)) {
      String stored = translated(module);
      return stored == null ? null : stored + kind;
    }
    int end = module.indexOf('.', layers.length());
    String stored = translated(module.substring(end + 1));
    return stored == null
        ? null
        : "blk." + module.substring(layers.length(), end) + "." + stored + kind;
  }

  private String translated(String module) {
    return switch (config.architecture()) {
      case GPT2 -> GPT2.get(module);
      case GPT_NEOX -> GPT_NEOX.get(module);
      case GEMMA2 -> GEMMA2.getOrDefault(module, LLAMA.get(module));
      default -> LLAMA.get(module);
    };
  }
}
