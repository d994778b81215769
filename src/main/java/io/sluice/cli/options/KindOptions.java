package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.dictionary.Site;
import io.sluice.store.ActivationStore;
import io.sluice.store.TransformerLensNames;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.start.SavedDictionary;
import java.util.List;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Option;

/** Options for the hook points that a dictionary reads and writes, which determine its kind. */
@Grouped(OptionGroup.KIND)
public final class KindOptions {
  @Option(
      names = "--hook",
      paramLabel = "NAME",
      split = ",",
      description = "Train on this hook point, such as layers.3.attn_out.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<String> hooks;

  @Option(
      names = "--target",
      paramLabel = "NAME",
      split = ",",
      description =
          "Write this hook point instead of --hook: train a transcoder. As many targets as "
              + "hooks, separated by commas, train a cross-layer transcoder.")
  private List<String> targets;

  @Option(
      names = "--encoder-start",
      paramLabel = "pull-back|tied|random",
      description =
          "With --target, start the encoder at the decoder times the best linear prediction of the "
              + "target from the input (pull-back), at a copy of the decoder, where widths are equal "
              + "(tied), or at random (default: pull-back).")
  private String encoderStart;

  @Option(
      names = "--skip",
      description =
          "With --target, add a matrix from input to target, which starts at 0 and learns the "
              + "linear part: train a skip transcoder.")
  private boolean skip;

  /** The hook point to read, or the first of them; null if none was given. */
  public String hook() {
    return hooks == null ? null : hooks.isEmpty() ? "" : hooks.getFirst();
  }

  /**
   * Translates names of TransformerLens.
   *
   * @param model the store's
   * @throws IllegalArgumentException if one has no counterpart
   */
  public void translate(String model) {
    hooks = translated(hooks, model);
    targets = translated(targets, model);
  }

  /**
   * The same of a store, whose columns may have any names.
   *
   * @throws IllegalArgumentException as the other
   */
  public void translate(ActivationStore store) {
    hooks = each(hooks, store::hookName);
    targets = each(targets, store::hookName);
  }

  private static List<String> translated(List<String> names, String model) {
    return each(names, name -> TransformerLensNames.translated(name, model));
  }

  private static List<String> each(List<String> names, UnaryOperator<String> change) {
    return names == null ? null : names.stream().map(change).toList();
  }

  /**
   * The kind of dictionary.
   *
   * @throws IllegalArgumentException if the options do not fit together
   */
  public Kind kind() {
    requireNames("--hook", hooks);
    requireNames("--target", targets);
    if (targets == null) {
      if (encoderStart != null) {
        throw new IllegalArgumentException(
            "--encoder-start needs --target: the encoder of an autoencoder starts as its decoder");
      }
      if (skip) {
        throw new IllegalArgumentException(
            "--skip needs --target: an autoencoder could learn to copy its input");
      }
      return hooks.size() == 1
          ? new Kind.Autoencoder()
          : new Kind.Crosscoder(hooks.subList(1, hooks.size()));
    }
    InitialEncoder start =
        encoderStart == null ? InitialEncoder.PULL_BACK : InitialEncoder.ofLabel(encoderStart);
    if (hooks.size() != targets.size()) {
      throw new IllegalArgumentException(
          "--hook and --target name as many hook points, not %d and %d"
              .formatted(hooks.size(), targets.size()));
    }
    if (hooks.size() == 1) {
      return new Kind.Transcoder(targets.getFirst(), start, skip);
    }
    if (skip) {
      throw new IllegalArgumentException("--skip needs exactly one --target");
    }
    return new Kind.CrossLayerTranscoder(hooks.subList(1, hooks.size()), targets, start);
  }

  /**
   * The kind of a dictionary that training goes on from. Its hook points are those of the options,
   * or where these name none, its own.
   *
   * @throws IllegalArgumentException if they are not as many as its own
   */
  public Kind kind(SavedDictionary dictionary) {
    requireNames("--hook", hooks);
    requireNames("--target", targets);
    if (hooks == null) {
      hooks = dictionary.inputs().stream().map(Site::hook).toList();
    }
    if (targets == null) {
      targets =
          dictionary.config().isAutoencoder()
              ? hooks
              : dictionary.outputs().stream().map(Site::hook).toList();
    }
    return dictionary.kind(hooks, targets);
  }

  private static void requireNames(String option, List<String> names) {
    if (names != null && (names.isEmpty() || names.stream().anyMatch(String::isBlank))) {
      throw new IllegalArgumentException(
          option + " has an empty name; give hook points with one comma between");
    }
  }
}
