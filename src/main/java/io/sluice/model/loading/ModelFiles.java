package io.sluice.model.loading;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The files of one model.
 *
 * @param name what the model is called: the name of the folder or of the repository on the hub, or
 *     the file's if that says more
 * @param weights safetensors, an index of several, GGUF, ONNX, or PyTorch's file or index
 * @param config {@code config.json}; null for an ONNX or GGUF file that has none
 * @param tokenizer HuggingFace's {@code tokenizer.json}; null where a GGUF file holds it, or where
 *     there is none
 */
public record ModelFiles(String name, Path weights, Path config, Path tokenizer) {
  private static final String GGUF = ".gguf";
  private static final Pattern SNAPSHOT =
      Pattern.compile("/models--[^/]+--([^/]+?)/snapshots/[0-9a-f]{40}$");
  private static final Pattern OTHER_FORMAT =
      Pattern.compile("tf_model\\.h5|flax_model\\.msgpack|.*\\.pth|.*\\.bin");
  private static final Pattern PYTORCH =
      Pattern.compile("pytorch_model.*\\.bin|pytorch_model\\.bin\\.index\\.json");
  private static final List<String> USUAL_WEIGHTS =
      List.of("model.safetensors", "model.safetensors.index.json", "model.onnx");

  /** What PyTorch writes, which is taken where there is nothing else. */
  static final List<String> PYTORCH_WEIGHTS =
      List.of("pytorch_model.bin", "pytorch_model.bin.index.json");

  /** The endings of weight files, for messages. */
  static final String ENDINGS =
      "(.safetensors, .safetensors.index.json, .gguf, .onnx, pytorch_model.bin)";

  /**
   * Finds a model's files.
   *
   * @param path a weight file, or a folder with one; the tokenizer is looked for beside it, as
   *     {@code tokenizer.json} or {@code NAME-tokenizer.json}, unless a GGUF file holds it
   * @throws IOException if something is missing, or a folder has several weight files of which none
   *     has a usual name
   */
  public static ModelFiles find(Path path) throws IOException {
    return find(path, null);
  }

  /**
   * Finds a model's files; the tokenizer is given.
   *
   * @param path a weight file, or a folder with one
   * @param elsewhere the tokenizer; null to look for it beside the weights
   * @throws IOException as {@link #find(Path)}
   */
  public static ModelFiles find(Path path, Path elsewhere) throws IOException {
    ModelFiles files = findForIds(path, elsewhere);
    if (files.lacksTokenizer()) {
      throw files.missingTokenizer();
    }
    return files;
  }

  /**
   * Finds the files of a model that reads token ids, for which a tokenizer is not needed.
   *
   * @param path a weight file, or a folder with one
   * @param elsewhere the tokenizer; null to look for it beside the weights
   * @throws IOException as {@link #find(Path)}, but not if there is no tokenizer
   */
  public static ModelFiles findForIds(Path path, Path elsewhere) throws IOException {
    if (!Files.exists(path)) {
      throw new IOException(path + ": no such file or folder; give a model's file or folder");
    }
    Path weights = Files.isDirectory(path) ? weightsIn(path) : whole(path);
    if (!isWeights(weights)) {
      throw new IOException(
          weights + ": is not a weight file " + ENDINGS + "; give a model's file or folder");
    }
    Path folder = weights.toAbsolutePath().normalize().getParent();
    String stem = stem(weights);
    Path tokenizer =
        elsewhere != null || isGguf(weights)
            ? elsewhere
            : firstOf(folder, stem + "-tokenizer.json", "tokenizer.json");
    boolean ordinary = stem.equals("model") || stem.equals("pytorch_model");
    String name = ordinary && folder.getFileName() != null ? name(folder) : stem;
    return new ModelFiles(name, weights, firstOf(folder, "config.json"), tokenizer);
  }

  /** Whether there is no tokenizer, not in the weight file either. */
  boolean lacksTokenizer() {
    return tokenizer == null && !isGguf(weights);
  }

  /** What is wrong where {@link #lacksTokenizer}. */
  IOException missingTokenizer() {
    return MissingTokenizer.beside(weights, weights.toAbsolutePath().normalize().getParent());
  }

  private static boolean isGguf(Path weights) {
    return weights.getFileName().toString().endsWith(GGUF);
  }

  /** What a folder calls its model: a snapshot in the cache of the hub, the repository's name. */
  private static String name(Path folder) {
    Matcher snapshot = SNAPSHOT.matcher(folder.toString().replace('\\', '/'));
    return snapshot.find() ? snapshot.group(1) : folder.getFileName().toString();
  }

  private static Path weightsIn(Path folder) throws IOException {
    for (String usual : USUAL_WEIGHTS) {
      if (Files.isRegularFile(folder.resolve(usual))) {
        return folder.resolve(usual);
      }
    }
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.sorted().toList();
    }
    requireIndex(Shards.among(files, Shards.SAFETENSORS), folder);
    List<Path> candidates =
        files.stream().filter(file -> isWeights(file) && !isPyTorch(file)).toList();
    if (candidates.size() > 1) {
      throw new IOException(
          folder
              + ": has "
              + candidates.size()
              + " weight files; name one of them, for instance "
              + candidates.getFirst());
    }
    return candidates.isEmpty() ? pyTorchIn(folder, files) : candidates.getFirst();
  }

  private static Path pyTorchIn(Path folder, List<Path> files) throws IOException {
    for (String usual : PYTORCH_WEIGHTS) {
      if (Files.isRegularFile(folder.resolve(usual))) {
        return folder.resolve(usual);
      }
    }
    requireIndex(Shards.among(files, Shards.PYTORCH), folder);
    throw new IOException(folder + hasNone(files));
  }

  private static void requireIndex(Shards shards, Path folder) throws IOException {
    if (shards != null) {
      throw shards.withoutIndex(folder);
    }
  }

  /** A folder without weights is one of something else, or of weights in another format. */
  private static String hasNone(List<Path> files) {
    for (Path file : files) {
      String name = file.getFileName().toString();
      if (isOtherFormat(name)) {
        return ": has its weights in "
            + Quoted.of(name)
            + ", which Sluice does not read; fetch the model's .safetensors";
      }
    }
    return ": has no weight file " + ENDINGS + "; give a model's folder";
  }

  /** The file, or an error if it is but one shard of several. */
  private static Path whole(Path file) throws IOException {
    List<Path> only = List.of(file);
    Shards safetensors = Shards.among(only, Shards.SAFETENSORS);
    Shards shards = safetensors == null ? Shards.among(only, Shards.PYTORCH) : safetensors;
    if (shards == null) {
      return file;
    }
    Path index = file.resolveSibling(shards.index());
    throw new IOException(
        file
            + ": is one of "
            + shards.count()
            + " shards; give "
            + (Files.exists(index) ? index : "the model's folder, with " + shards.index()));
  }

  /** Whether a file has weights in a format that Sluice does not read. */
  static boolean isOtherFormat(String name) {
    return OTHER_FORMAT.matcher(name).matches();
  }

  /** Whether a file has weights that Sluice reads. */
  static boolean isWeights(Path file) {
    String name = file.getFileName().toString();
    return name.endsWith(".safetensors")
        || name.endsWith(".safetensors.index.json")
        || name.endsWith(GGUF)
        || name.endsWith(".onnx")
        || isPyTorch(file);
  }

  /** Whether a file is PyTorch's, with weights or an index of them. */
  static boolean isPyTorch(Path file) {
    return PYTORCH.matcher(file.getFileName().toString()).matches();
  }

  /** The name of a weight file without what says its format. */
  static String stem(Path weights) {
    return weights
        .getFileName()
        .toString()
        .replaceFirst(
            "\\.(safetensors\\.index\\.json|safetensors|gguf|onnx|bin\\.index\\.json|bin)$", "");
  }

  private static Path firstOf(Path folder, String... names) {
    for (String name : names) {
      if (Files.isRegularFile(folder.resolve(name))) {
        return folder.resolve(name);
      }
    }
    return null;
  }
}
