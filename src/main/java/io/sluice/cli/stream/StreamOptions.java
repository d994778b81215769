package io.sluice.cli.stream;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Values;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.hub.TokenizerOption;
import io.sluice.cli.options.ByteSize;
import io.sluice.cli.options.texts.BosOption;
import io.sluice.cli.options.texts.ContextCut;
import io.sluice.cli.options.texts.ExclusionOptions;
import io.sluice.cli.options.texts.TextReading;
import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.HookPatterns;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextForm;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for a model that is trained on while it runs. */
@Grouped(OptionGroup.MODEL)
public final class StreamOptions {
  /** All of them, to find what was given among the words of a command. */
  private static final Set<String> NAMES =
      Set.of(
          "--model",
          "--text",
          "--buffer",
          "--tokenizer",
          "--text-field",
          "--text-as",
          "--chat-date",
          "--stdin-format",
          "--strict",
          "--bos",
          "--no-bos",
          "--compute",
          "--context",
          "--stride",
          "--model-batch",
          "--model-device",
          "--dtype",
          "--exclude-ids",
          "--max-norm-multiple",
          "--text-tokens");

  private static final String TEXT = "--text=";

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "Train while this model runs, instead of on a store: a folder, a file, or a name on the "
              + "HuggingFace hub. No store is made. --tokens then counts tokens of --text, over which "
              + "the run passes once unless --steps says otherwise. Give --hook several times to train "
              + "a dictionary for each in one pass of the model.")
  private Path model;

  @Option(
      names = "--text",
      arity = "1..*",
      paramLabel = "PATH",
      description = "Run these files, folders or patterns of texts through --model.")
  private List<Path> texts;

  @Option(
      names = "--buffer",
      paramLabel = "SIZE",
      defaultValue = "10G",
      description =
          "Keep at most this much of --model's activations on the disk at a time, in a folder of "
              + "--out: two windows of the texts, each shuffled as a store is (default: "
              + "${DEFAULT-VALUE}).")
  private String buffer;

  @Mixin private TokenizerOption tokenizer;

  @Mixin private TextReading reading;

  @Mixin private BosOption bos;

  @Mixin private ExclusionOptions exclusion;

  @Option(
      names = "--compute",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description =
          "Run --model in float32, bfloat16 or bfloat16x3, as 'sluice capture' does (default: "
              + "${DEFAULT-VALUE}).")
  private String compute;

  @Mixin private ContextCut cut;

  @Option(
      names = "--model-batch",
      paramLabel = "N",
      description =
          "Run N contexts together (default: as many as have 1024 tokens on a CPU, 16384 on a "
              + "GPU).")
  private Integer batch;

  @Option(
      names = "--model-device",
      paramLabel = "DEVICE",
      description = "Run --model on cpu, cuda or cuda:N (default: --device).")
  @Grouped(OptionGroup.COMPUTE)
  private String device;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description =
          "Keep --model's activations as float32, float16 or bfloat16 (default: "
              + "${DEFAULT-VALUE}).")
  private String dtype;

  /** For {@link #read} alone: {@code --tokens} of the command. */
  private Long tokens;

  /** Whether a model is to be trained on. */
  public boolean isAsked() {
    return model != null;
  }

  /** Refuses them where there is no model that they are about. */
  public void requireNone(SluiceCommand command) {
    for (String name : NAMES) {
      if (!name.equals("--text-tokens") && !name.equals("--no-bos") && command.given(name)) {
        throw command.usage(
            name + " is about a model that runs; give --model, too, or leave it out");
      }
    }
  }

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (texts == null) {
      throw command.usage("--model needs texts to run; give --text");
    }
    cut.check(command);
    command.requirePositive("--model-batch", batch);
    reading.check(command, texts);
    exclusion.check(command);
    if (texts.contains(Path.of("-"))) {
      throw command.usage(
          "--text - is standard input, which cannot be read again when the run continues; give a"
              + " file");
    }
    computeType(command);
    storedType(command);
    buffer(command);
    if (device != null) {
      device(command, Device.CPU);
    }
  }

  /** The most bytes of shards. */
  long buffer(SluiceCommand command) {
    try {
      return ByteSize.parse(buffer);
    } catch (IllegalArgumentException e) {
      throw command.usage("--buffer: " + e.getMessage());
    }
  }

  private Device device(SluiceCommand command, Device otherwise) {
    try {
      return device == null ? otherwise : Device.parse(device);
    } catch (IllegalArgumentException e) {
      throw command.usage("--model-device is '" + device + "'; give cpu, cuda or cuda:N");
    }
  }

  private ComputeType computeType(SluiceCommand command) {
    try {
      return ComputeType.ofLabel(compute);
    } catch (IllegalArgumentException e) {
      throw command.usage("--compute is '" + compute + "'; give one of " + ComputeType.labels());
    }
  }

  private DType storedType(SluiceCommand command) {
    return switch (dtype) {
      case "float32" -> DType.F32;
      case "float16" -> DType.F16;
      case "bfloat16" -> DType.BF16;
      default ->
          throw command.usage("--dtype is '" + dtype + "'; give float32, float16 or bfloat16");
    };
  }

  /**
   * Opens the model.
   *
   * @param usual where it runs if nothing else was given
   * @throws IOException if a file is missing or damaged, or the architecture is not supported
   * @throws IllegalArgumentException if its contexts are to begin with a token that it does not
   *     have
   */
  public LoadedModel open(SluiceCommand command, Device usual) throws IOException {
    bos.requireText(command, reading.form());
    boolean isText = reading.form() == TextForm.TEXT;
    return bos.opened(
        LoadedModel.open(
            HubFiles.files(command, model, tokenizer.given(), isText),
            device(command, usual),
            computeType(command)),
        Optional.empty());
  }

  /**
   * What is captured.
   *
   * @param hooks names of hook points
   * @throws IllegalArgumentException if the model has not one of them, or no token of an id that is
   *     left out
   */
  CaptureSpec spec(SluiceCommand command, LoadedModel loaded, List<String> hooks)
      throws IOException {
    ContextSpec contexts = cut.of(reading.of(texts), loaded, batch, tokens);
    return CaptureSpec.of(
            contexts, HookPatterns.select(String.join(",", hooks), loaded.transformer()))
        .withDtype(storedType(command))
        .withExclusion(exclusion.of(loaded));
  }

  /**
   * The tokens of text that are read.
   *
   * @param most null for all
   */
  public void limit(Long most) {
    tokens = most;
  }

  /**
   * What was given, as words that {@link #read} takes, with the defaults that follow from the model
   * and where it runs.
   */
  List<String> words(SluiceCommand command, CaptureSpec spec, LoadedModel loaded) {
    List<String> words = new ArrayList<>();
    for (String word : command.words()) {
      if (word.startsWith(TEXT)) {
        // Patterns, too, are found again from any folder.
        words.add(TEXT + Path.of(word.substring(TEXT.length())).toAbsolutePath());
      } else if (NAMES.contains(word.replaceFirst("=.*", ""))) {
        words.add(word);
      }
    }
    if (!cut.hasLength()) {
      words.add("--context=" + spec.contexts().context());
    }
    if (batch == null) {
      words.add("--model-batch=" + spec.contexts().batch());
    }
    if (device == null) {
      words.add("--model-device=" + loaded.transformer().device());
    }
    if (tokens != null) {
      words.add("--text-tokens=" + tokens);
    }
    return words;
  }

  /**
   * The options that {@link #words} has written.
   *
   * @param file is named in messages
   * @throws IOException if they are damaged
   */
  static StreamOptions read(List<String> words, Path file) throws IOException {
    StreamOptions options = new StreamOptions();
    List<String> own = new ArrayList<>();
    try {
      for (String word : words) {
        if (word.startsWith("--text-tokens=")) {
          options.tokens = Long.parseLong(word.replaceFirst("[^=]*=", ""));
        } else {
          own.add(word);
        }
      }
      CommandLine line = new CommandLine(options);
      Values.readBy(line);
      line.setExpandAtFiles(false);
      line.parseArgs(own.toArray(String[]::new));
    } catch (CommandLine.ParameterException | NumberFormatException e) {
      throw new IOException(
          file + ": its options are damaged: " + e.getMessage() + "; restore it", e);
    }
    if (options.model == null || options.texts == null) {
      throw new IOException(file + ": its options name no model or no text; restore it");
    }
    return options;
  }
}
