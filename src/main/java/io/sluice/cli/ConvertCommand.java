package io.sluice.cli;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.ThresholdOptions;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.model.HookPoint;
import io.sluice.training.CheckpointDictionary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code sluice convert}: converts dictionaries between Sluice's format and those of other
 * libraries.
 */
@Command(
    name = "convert",
    description = {
      "Convert dictionaries from and to the formats of other libraries.",
      "The dictionary computes the same afterwards: biases, norms and a scale of activations "
          + "are converted to the other library's conventions. If the format cannot represent something, an "
          + "error names it and nothing is written.",
      "With --activation jumprelu, thresholds take the place of k. They are found on a "
          + "store, and L0 and FVU before and after are printed.",
      "The formats are sluice, saelens, sparsify, llamascopium and dictionary_learning; and "
          + "gemma_scope, gemma_scope_2, llama_scope, pytorch and circuit_tracer, which are only "
          + "read. The last two have a file for each dictionary, which --dictionary names.",
      "--dictionary may also name a checkpoint of 'sluice train', in the folder of its run."
    })
@Examples({
  "sluice convert --dictionary runs/asi --to saelens --out exported",
  "sluice convert --dictionary downloaded --to sluice --out runs/theirs",
  "sluice convert --dictionary EleutherAI/sae-llama-3-8b-32x/layers.10 --to sluice --out "
      + "runs/layer-10",
  "sluice convert --to sluice --out runs/layer-12 --dictionary "
      + "google/gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_22",
  "sluice convert --dictionary runs/asi --activation jumprelu --store activations --to "
      + "sluice --out runs/asi-jumprelu"
})
final class ConvertCommand extends SluiceCommand {
  @Option(
      names = "--dictionary",
      paramLabel = "DIR",
      required = true,
      description =
          "Read the dictionary in this folder or file, or of this name on the HuggingFace hub.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path given;

  @Option(
      names = "--from",
      paramLabel = "FORMAT",
      defaultValue = "auto",
      description = "Read this format (default: auto, by the names of the files).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String from;

  @Option(
      names = "--to",
      paramLabel = "FORMAT",
      required = true,
      description = "Write this format.")
  @Grouped(OptionGroup.ESSENTIAL)
  private String to;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "Write to this folder, which is created if necessary.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path out;

  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description =
          "Name the hook point that the dictionary reads, where its files name none or another.")
  @Grouped(OptionGroup.ORIGIN)
  private String hook;

  @Option(
      names = "--output-hook",
      paramLabel = "NAME",
      description =
          "Name the hook point that the dictionary writes (default: as its files say, else --hook).")
  @Grouped(OptionGroup.ORIGIN)
  private String outputHook;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description = "Name the model that the dictionary was trained on, where its files do not.")
  @Grouped(OptionGroup.ORIGIN)
  private String model;

  @Option(
      names = "--activation-scale",
      paramLabel = "S",
      description =
          "Fold this factor into the weights, if activations were multiplied by it before the "
              + "dictionary read them, and the weights do not include it yet.")
  @Grouped(OptionGroup.ORIGIN)
  private Double activationScale;

  @Mixin private ThresholdOptions thresholds;

  @Override
  protected void run() throws IOException {
    DictionaryFormat target = format(to);
    if (!target.isWritten()) {
      throw usage(
          "dictionaries are read from "
              + target.label()
              + ", not written in it; --to takes "
              + DictionaryFormat.writtenLabels());
    }
    requireUsable(thresholds);
    if (CheckpointDictionary.isNamed(given) && Files.isRegularFile(given)) {
      convertCheckpoint(target);
      return;
    }
    DictionaryFormat wanted = from.equals("auto") ? null : format(from);
    HubFiles.Named named = HubFiles.named(this, given, wanted);
    Path folder = named.place();
    if (!Files.isDirectory(folder) && !Files.isRegularFile(folder)) {
      throw new NotDirectoryException(folder.toString());
    }
    DictionaryFormat source = wanted == null ? DictionaryFormat.of(folder) : wanted;
    if (thresholds.asked()) {
      // All else is read in pieces.
      source.requireMemory(folder, thresholds.engines());
    }
    DictionarySource dictionary = source.open(folder, origin(named.origin()));
    requireHookPoints(dictionary.config());
    ThresholdOptions.Change change = null;
    if (thresholds.asked()) {
      change = thresholds.apply(dictionary.read(Arena.ofAuto()), folder, seed());
      dictionary = change.dictionary().source();
    }
    target.write(dictionary, out);
    if (change != null) {
      change.print(out());
    }
    print(source.label(), target, dictionary.config(), target.open(out, Origin.UNKNOWN).config());
  }

  private void convertCheckpoint(DictionaryFormat target) throws IOException {
    for (String option :
        List.of(
            "--from", "--hook", "--output-hook", "--model", "--activation-scale", "--activation")) {
      if (given(option)) {
        throw usage("a checkpoint is converted as its run says; leave out " + option);
      }
    }
    try (CheckpointDictionary checkpoint = CheckpointDictionary.open(given)) {
      target.write(checkpoint.source(), out);
      print(
          given.getFileName().toString(),
          target,
          checkpoint.source().config(),
          target.open(out, Origin.UNKNOWN).config());
    }
  }

  /** A name that was given must be of a hook point; one in a file may be another library's. */
  private void requireHookPoints(DictionaryConfig config) {
    try {
      if (hook != null) {
        HookPoint.parse(config.inputHook());
      }
      if (outputHook != null) {
        HookPoint.parse(config.outputHook());
      }
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private void requireUsable(ThresholdOptions options) {
    try {
      options.check();
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private DictionaryFormat format(String name) {
    try {
      return DictionaryFormat.named(name);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private Origin origin(Origin known) {
    try {
      Origin origin = known.named(model, hook, outputHook);
      return activationScale == null ? origin : origin.scaled(activationScale);
    } catch (IllegalArgumentException e) {
      throw usage("--activation-scale: " + e.getMessage());
    }
  }

  private void print(
      String source, DictionaryFormat target, DictionaryConfig before, DictionaryConfig after) {
    out()
        .printf(
            Locale.ROOT,
            "%s to %s: %,d features, %d wide, %s%n",
            source,
            target.label(),
            after.features(),
            after.inputWidth(),
            after.activation().label());
    if (before.scoreByDecoderNorm() && !after.scoreByDecoderNorm() && isCounted(before)) {
      out()
          .println(
              "codes      multiplied by the norm of their decoder row, as "
                  + target.label()
                  + " scores by value only; reconstructions stay the same");
    }
    if (before.isCentred()) {
      out()
          .println(
              "centred    each token's own mean is subtracted before it is encoded, as"
                  + " TransformerLens's center_writing_weights does, and added again to what is"
                  + " reconstructed");
    }
    if (!before.prefixes().isEmpty() && after.prefixes().isEmpty()) {
      out()
          .printf(
              Locale.ROOT,
              "nested     where its prefixes end (%s) is left out, as %s has no place for it%n",
              before.prefixes().stream().map(String::valueOf).collect(Collectors.joining(", ")),
              target.label());
    }
    out().printf("written to %s%n", out);
  }

  /** Thresholds can be divided by norms; counts need the scores themselves. */
  private static boolean isCounted(DictionaryConfig config) {
    return config.activation() instanceof TopK
        || config.activation() instanceof BatchTopK batch && batch.threshold().isEmpty();
  }
}
