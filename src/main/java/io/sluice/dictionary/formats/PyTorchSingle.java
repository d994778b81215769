package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.PyTorchFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Dictionaries that are one file, which {@code torch.save} wrote. Which kind it is, its tensors
 * say:
 *
 * <ul>
 *   <li>OpenAI's sparse_autoencoder ({@link OpenAi});
 *   <li>two linear layers and ReLU, as Goodfire's ({@code encoder_linear}) and those of DeepSeek-R1
 *       ({@code encoder}); the decoder bias is not subtracted from the input;
 *   <li>Qwen Scope: feature-major {@code W_enc}, {@code W_dec [d_in, d_sae]} and TopK, whose k is
 *       in {@code config.json} or in the name of the repository; not subtracted either;
 *   <li>Kissane and others' of GPT-2's {@code hook_z}: {@code W_enc [d_in, d_sae]} and ReLU, beside
 *       {@code NAME_cfg.json}; subtracted.
 * </ul>
 */
final class PyTorchSingle implements DictionaryReader {
  /** A layer's file of Qwen Scope. */
  static final String QWEN = ".sae.pt";

  private static final String QWEN_CONFIG = "config.json";
  private static final Pattern QWEN_LAYER = Pattern.compile("/layer(\\d{1,4})\\.sae\\.pt$");
  private static final Pattern QWEN_REPOSITORY =
      Pattern.compile("SAE-Res-(Qwen[^/]*?)-W\\d+K-L0_(\\d{1,6})(?=/)");

  /** The owners of the models by which files are named, as {@code …-Instruct-SAE-l19.pth}. */
  private static final Map<String, String> OWNERS =
      Map.of("Llama", "meta-llama/", "DeepSeek", "deepseek-ai/");

  private static final Pattern NAMED =
      Pattern.compile("/((Llama|DeepSeek)-[^/]*)-SAE-l(\\d{1,4})\\.pth?$");

  @Override
  public String label() {
    return "pytorch";
  }

  @Override
  public String files() {
    return "a .pt file of its own";
  }

  @Override
  public List<String> inFolder(Set<String> names) {
    return List.of();
  }

  @Override
  public List<String> ofFile(String file, Set<String> names) {
    if (!file.matches(".*\\.pth?") || file.equals("ae.pt")) {
      return List.of();
    }
    List<String> files = new ArrayList<>();
    String config = file.endsWith(QWEN) ? QWEN_CONFIG : config(file);
    if (names.contains(config)) {
      files.add(config);
    }
    files.add(file);
    return files;
  }

  private static String config(String file) {
    return file.replaceFirst("\\.pth?$", "_cfg.json");
  }

  @Override
  public DictionarySource open(Path file, Origin origin) throws IOException {
    PyTorchFile opened = PyTorchFile.openWithSettings(file);
    if (opened.contains("pre_bias")) {
      return OpenAi.open(opened);
    }
    if (opened.contains("W_enc")) {
      Path config = file.resolveSibling(config(file.getFileName().toString()));
      return Files.exists(config)
          ? hookZ(opened, ForeignConfig.read(config))
          : qwen(opened, file.resolveSibling(QWEN_CONFIG));
    }
    for (String layers : List.of("coder_linear", "coder")) {
      if (opened.contains("en" + layers + ".weight")) {
        return layers(opened, "en" + layers, "de" + layers);
      }
    }
    throw new IOException(
        file
            + ": is no dictionary in a single file that is read here; it has "
            + String.join(", ", opened.names().stream().limit(8).toList()));
  }

  private static DictionarySource layers(PyTorchFile opened, String encoder, String decoder)
      throws IOException {
    ForeignTensors tensors = ForeignTensors.measuredBy(opened, encoder + ".weight");
    int[] sides = tensors.sides(encoder + ".weight");
    Optional<MatchResult> named = PublishedPlaces.inPath(opened.path(), NAMED);
    DictionarySource dictionary =
        new DictionarySource(
            config(
                named.map(found -> OWNERS.get(found.group(2)) + found.group(1)).orElse(""),
                named.map(found -> "layers." + found.group(3) + ".resid").orElse(""),
                sides[1],
                sides[0],
                new ReLU(),
                false),
            tensors.rows(encoder + ".weight", sides[0], sides[1]),
            tensors.segment(encoder + ".bias", sides[0]),
            tensors.transposed(decoder + ".weight", sides[0], sides[1]),
            tensors.segment(decoder + ".bias", sides[1]),
            null);
    tensors.requireNoOthers("a dictionary of two linear layers");
    return dictionary;
  }

  private static DictionarySource qwen(PyTorchFile opened, Path configFile) throws IOException {
    ForeignTensors tensors = ForeignTensors.measuredBy(opened, "W_enc");
    int[] sides = tensors.sides("W_enc");
    Optional<MatchResult> repository = PublishedPlaces.inPath(opened.path(), QWEN_REPOSITORY);
    int k;
    String model = repository.map(found -> "Qwen/" + found.group(1)).orElse("");
    if (Files.exists(configFile)) {
      ForeignConfig config = ForeignConfig.read(configFile);
      k = config.count("k", sides[0]);
      model = config.text("base_model", model);
      String place = config.text("hook_point", "resid_post");
      if (!place.equals("resid_post")) {
        throw config.unknown("hook_point", place, List.of("resid_post"));
      }
    } else if (repository.isPresent()) {
      k = Integer.parseInt(repository.get().group(2));
    } else {
      throw tensors.wrong(
          "does not say how many features fire on a token; its config.json is missing beside it");
    }
    DictionarySource dictionary =
        new DictionarySource(
            config(
                model,
                PublishedPlaces.inPath(opened.path(), QWEN_LAYER)
                    .map(layer -> "layers." + layer.group(1) + ".resid")
                    .orElse(""),
                sides[1],
                sides[0],
                new TopK(k),
                false),
            tensors.rows("W_enc", sides[0], sides[1]),
            tensors.segment("b_enc", sides[0]),
            tensors.transposed("W_dec", sides[0], sides[1]),
            tensors.segment("b_dec", sides[1]),
            null);
    tensors.requireNoOthers("a dictionary of Qwen Scope");
    return dictionary;
  }

  private static DictionarySource hookZ(PyTorchFile opened, ForeignConfig config)
      throws IOException {
    ForeignTensors tensors = ForeignTensors.measuredBy(opened, "W_dec");
    int[] sides = tensors.sides("W_dec");
    // All were published for this model.
    String model = "openai-community/gpt2";
    DictionarySource dictionary =
        new DictionarySource(
            config(
                model,
                TransformerLensNames.known(config.text("act_name"), model),
                sides[1],
                sides[0],
                new ReLU(),
                true),
            tensors.transposed("W_enc", sides[0], sides[1]),
            tensors.segment("b_enc", sides[0]),
            tensors.rows("W_dec", sides[0], sides[1]),
            tensors.segment("b_dec", sides[1]),
            null);
    tensors.requireNoOthers("a dictionary of hook_z");
    return dictionary;
  }

  private static DictionaryConfig config(
      String model,
      String hook,
      int width,
      int features,
      ActivationFunction activation,
      boolean subtract) {
    return new DictionaryConfig(
            model, hook, hook, width, width, features, activation, subtract, false)
        .withPrependBos(Optional.of(true));
  }
}
