package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.dictionary.Site;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.start.SavedDictionary;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Options for the hook points that a dictionary reads and writes, which determine its kind. */
@Grouped(OptionGroup.KIND)
public final class KindOptions {
  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description = "Train on this hook point, such as layers.3.attn_out.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<String> hooks;

  @Option(
      names = "--target",
      paramLabel = "NAME",
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

  /** Whether a hook point was given. */
  public boolean isGiven() {
    return hooks != null;
  }

  /**
   * A dictionary.
   *
   * @param hook the hook point to read, or the first of them
   * @param kind what else it reads, and what it writes
   */
  public record Choice(String hook, Kind kind) {
    /** All hook points that it reads or writes, each once. */
    public List<String> names() {
      return Stream.concat(kind.inputs(hook).stream(), kind.outputs(hook).stream())
          .distinct()
          .toList();
    }
  }

  /**
   * The only dictionary.
   *
   * @param translation of names that were given to those of the data
   * @throws IllegalArgumentException if the options do not fit together, several dictionaries were
   *     asked for, or a name of TransformerLens has no counterpart
   */
  public Choice choice(UnaryOperator<String> translation) {
    if (hooks.size() > 1) {
      throw new IllegalArgumentException(
          "--hook is given %s times; separate hook points with commas for a crosscoder, or give --model instead of --store to train a dictionary for each"
              .formatted(hooks.size()));
    }
    return choices(translation).getFirst();
  }

  /**
   * The dictionaries, one for each time that {@code --hook} was given.
   *
   * @throws IllegalArgumentException as {@link #choice}, or if one comes twice
   */
  public List<Choice> choices(UnaryOperator<String> translation) {
    if (targets != null && targets.size() != hooks.size()) {
      throw new IllegalArgumentException(
          "--target is given %s times and --hook %s times; give one --target for each --hook, with commas between names of one dictionary"
              .formatted(targets.size(), hooks.size()));
    }
    List<Choice> choices = new ArrayList<>();
    for (int i = 0; i < hooks.size(); i++) {
      List<String> read = names("--hook", hooks.get(i), translation);
      List<String> written =
          targets == null ? null : names("--target", targets.get(i), translation);
      Choice choice = new Choice(read.getFirst(), kind(read, written));
      if (choices.contains(choice)) {
        throw new IllegalArgumentException(
            "--hook " + hooks.get(i) + " is given twice; give each dictionary once");
      }
      choices.add(choice);
    }
    return choices;
  }

  private static List<String> names(
      String option, String given, UnaryOperator<String> translation) {
    List<String> names = List.of(given.split(",", -1));
    if (names.stream().anyMatch(String::isBlank)) {
      throw new IllegalArgumentException(
          option + " has an empty name; give hook points with one comma between");
    }
    return names.stream().map(translation).toList();
  }

  private Kind kind(List<String> read, List<String> written) {
    if (written == null) {
      if (encoderStart != null) {
        throw new IllegalArgumentException(
            "--encoder-start needs --target: the encoder of an autoencoder starts as its decoder");
      }
      if (skip) {
        throw new IllegalArgumentException(
            "--skip needs --target: an autoencoder could learn to copy its input");
      }
      return read.size() == 1
          ? new Kind.Autoencoder()
          : new Kind.Crosscoder(read.subList(1, read.size()));
    }
    InitialEncoder start =
        encoderStart == null ? InitialEncoder.PULL_BACK : InitialEncoder.ofLabel(encoderStart);
    if (read.size() != written.size()) {
      throw new IllegalArgumentException(
          "--hook and --target name as many hook points, not %d and %d"
              .formatted(read.size(), written.size()));
    }
    if (read.size() == 1) {
      return new Kind.Transcoder(written.getFirst(), start, skip);
    }
    if (skip) {
      throw new IllegalArgumentException("--skip needs exactly one --target");
    }
    return new Kind.CrossLayerTranscoder(read.subList(1, read.size()), written, start);
  }

  /**
   * A dictionary that training goes on from. Its hook points are those of the options, or where
   * these name none, its own.
   *
   * @throws IllegalArgumentException if they are not as many as its own, or several dictionaries
   *     were asked for
   */
  public Choice choice(SavedDictionary dictionary, UnaryOperator<String> translation) {
    if (hooks != null && hooks.size() > 1 || targets != null && targets.size() > 1) {
      throw new IllegalArgumentException(
          "--from is for one dictionary; give --hook once, with commas between its hook points");
    }
    List<String> read =
        hooks == null
            ? named(dictionary, dictionary.inputs(), "--hook")
            : names("--hook", hooks.getFirst(), translation);
    List<String> written =
        targets != null
            ? names("--target", targets.getFirst(), translation)
            : dictionary.config().isAutoencoder()
                ? read
                : named(dictionary, dictionary.outputs(), "--target");
    return new Choice(read.getFirst(), dictionary.kind(read, written));
  }

  /** Files of some libraries do not say where their dictionaries belong. */
  private static List<String> named(SavedDictionary dictionary, List<Site> sites, String option) {
    if (sites.stream().anyMatch(site -> site.hook().isBlank())) {
      throw new IllegalArgumentException(
          dictionary.place() + ": does not say which hook point it is of; give " + option);
    }
    return sites.stream().map(Site::hook).toList();
  }
}
