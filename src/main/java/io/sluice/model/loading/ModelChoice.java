package io.sluice.model.loading;

import io.sluice.files.Quoted;
import io.sluice.hub.FileChoice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Which files of a repository make a model: its weights in one format, its configuration, and its
 * tokenizer. Safetensors are preferred to GGUF and ONNX, and these to PyTorch's files. Nothing else
 * is fetched.
 *
 * @param withTokenizer whether the tokenizer is to come from the same repository
 */
public record ModelChoice(boolean withTokenizer) implements FileChoice {
  private static final String SAFETENSORS = ".safetensors";
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final Pattern SHARD = Pattern.compile("model-[0-9]{5}-of-[0-9]{5}\\.safetensors");
  private static final Pattern PYTORCH_SHARD =
      Pattern.compile("pytorch_model-[0-9]{5}-of-[0-9]{5}\\.bin");
  private static final Pattern ADAPTER = Pattern.compile("adapter_.*");
  private static final String GGUF = ".gguf";
  private static final String ONNX = "model.onnx";
  private static final String CONFIG = "config.json";
  private static final String TOKENIZER = "tokenizer.json";
  private static final int NAMED = 3;

  /** What says how a model is used, where it is there. */
  private static final List<String> SETTINGS = List.of(CONFIG, "generation_config.json");

  /** What belongs to a tokenizer, where it is there; Python reads more of it than Sluice. */
  private static final List<String> TOKENIZER_FILES =
      List.of(TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja");

  @Override
  public List<String> of(String folder, List<String> names, String wanted) throws IOException {
    List<String> weights = weights(folder, names, wanted);
    boolean hasItsOwn = weights.getFirst().endsWith(GGUF);
    List<String> chosen = new ArrayList<>(weights);
    add(chosen, names, SETTINGS);
    if (withTokenizer && !hasItsOwn) {
      add(chosen, names, TOKENIZER_FILES);
      String named = ModelFiles.stem(Path.of(weights.getFirst())) + "-" + TOKENIZER;
      add(chosen, names, List.of(named));
      if (!names.contains(TOKENIZER) && !names.contains(named)) {
        add(chosen, names, MissingTokenizer.OTHER_FORMS);
      }
    }
    return chosen;
  }

  @Override
  public boolean suffices(List<String> chosen) {
    String weights = chosen.getFirst();
    boolean hasShards =
        !isIndex(weights) || Shards.areComplete(chosen.stream().map(Path::of).toList());
    boolean needsConfig = weights.contains(SAFETENSORS) || ModelFiles.isPyTorch(Path.of(weights));
    boolean hasConfig = !needsConfig || chosen.contains(CONFIG);
    boolean hasTokenizer =
        !withTokenizer
            || weights.endsWith(GGUF)
            || chosen.stream().anyMatch(name -> name.endsWith(TOKENIZER));
    return hasShards && hasConfig && hasTokenizer;
  }

  /** A repository of which the cache has a file of another kind may have safetensors, too. */
  @Override
  public boolean isCertain(List<String> chosen, String wanted) {
    return wanted != null || List.of(SINGLE, INDEX).contains(chosen.getFirst());
  }

  private static void add(List<String> chosen, List<String> names, List<String> wanted) {
    wanted.stream()
        .filter(names::contains)
        .filter(name -> !chosen.contains(name))
        .forEach(chosen::add);
  }

  /** The files with weights, the one first that names the model. */
  private static List<String> weights(String folder, List<String> names, String wanted)
      throws IOException {
    if (wanted != null) {
      if (!ModelFiles.isWeights(Path.of(wanted))) {
        throw new IOException(
            folder + ": is not a weight file " + ModelFiles.ENDINGS + "; give the repository");
      }
      return isIndex(wanted) ? sharded(wanted, names) : List.of(wanted);
    }
    if (names.contains(SINGLE)) {
      return List.of(SINGLE);
    }
    if (names.contains(INDEX)) {
      return sharded(INDEX, names);
    }
    for (String ending : List.of(SAFETENSORS, GGUF)) {
      List<String> files = endingIn(ending, names);
      if (files.size() == 1) {
        return files;
      }
      if (files.size() > 1) {
        throw new IOException(
            "%s: has %d files with weights; name one of them, for instance %s/%s"
                .formatted(folder, files.size(), folder, files.getFirst()));
      }
    }
    if (names.contains(ONNX)) {
      return List.of(ONNX);
    }
    for (String usual : ModelFiles.PYTORCH_WEIGHTS) {
      if (names.contains(usual)) {
        return isIndex(usual) ? sharded(usual, names) : List.of(usual);
      }
    }
    throw new IOException(folder + none(names));
  }

  private static boolean isIndex(String name) {
    return name.equals(INDEX) || name.equals(ModelFiles.PYTORCH_WEIGHTS.getLast());
  }

  private static List<String> sharded(String index, List<String> names) {
    Pattern shard = index.equals(INDEX) ? SHARD : PYTORCH_SHARD;
    return Stream.concat(
            Stream.of(index), names.stream().filter(name -> shard.matcher(name).matches()))
        .toList();
  }

  private static List<String> endingIn(String ending, List<String> names) {
    return names.stream()
        .filter(name -> !name.contains("/") && name.endsWith(ending))
        .filter(name -> !ADAPTER.matcher(name).matches())
        .sorted()
        .toList();
  }

  private static String none(List<String> names) {
    for (String name : names) {
      if (ModelFiles.isOtherFormat(name)) {
        return ": has its weights in "
            + Quoted.of(name)
            + ", which Sluice does not read; name a repository or revision with .safetensors";
      }
      if (ADAPTER.matcher(name).matches()) {
        return ": has an adapter and no model; merge them with PEFT, and give the folder";
      }
    }
    List<String> folders =
        names.stream()
            .filter(name -> name.contains("/") && ModelFiles.isWeights(Path.of(name)))
            .map(name -> name.substring(0, name.lastIndexOf('/')))
            .distinct()
            .sorted()
            .toList();
    return ": has no weight file (.safetensors, .gguf, .onnx, pytorch_model.bin)"
        + (folders.isEmpty()
            ? "; give a model's repository"
            : "; its folders with weights are "
                + String.join(", ", folders.stream().limit(NAMED).toList())
                + (folders.size() > NAMED ? " and " + (folders.size() - NAMED) + " more" : ""));
  }
}
