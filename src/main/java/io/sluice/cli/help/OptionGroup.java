package io.sluice.cli.help;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Member;
import java.util.Optional;
import picocli.CommandLine.Model.OptionSpec;

/** The headings of a command's help, in the order in which a page shows them. */
public enum OptionGroup {
  /** What most runs give. These come first, with an example, on one screen. */
  ESSENTIAL("What most runs use"),
  /** Which kind of dictionary is trained. */
  KIND("Kind of dictionary"),
  /** What a dictionary's files may not say. */
  ORIGIN("Origin of the dictionary"),
  /** Where a training starts. */
  START("Start"),
  /** How long a training is, and how it moves. */
  OPTIMISER("Optimiser and schedule"),
  /** What keeps codes sparse. */
  SPARSITY("Sparsity"),
  /** What is done against dead features. */
  REMEDIES("Remedies for dead features"),
  /** A model that runs beside the work, and its texts. */
  MODEL("Model and texts"),
  /** Which rows are read, and how. */
  DATA("Data"),
  /** What computes, and where. */
  COMPUTE("Device and threads"),
  /** What is written, and how often. */
  OUTPUT("Output"),
  /** What every command has. */
  GENERAL("General");

  private final String heading;

  OptionGroup(String heading) {
    this.heading = heading;
  }

  /** The heading on the page. */
  public String heading() {
    return heading;
  }

  /** The group that a {@link Grouped} on the option's field, or on the field's class, names. */
  public static Optional<OptionGroup> of(OptionSpec option) {
    if (!(option.userObject() instanceof AnnotatedElement field)) {
      return Optional.empty();
    }
    Grouped own = field.getAnnotation(Grouped.class);
    Grouped given =
        own != null || !(field instanceof Member member)
            ? own
            : member.getDeclaringClass().getAnnotation(Grouped.class);
    return Optional.ofNullable(given).map(Grouped::value);
  }
}
