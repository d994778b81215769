package io.sluice.cli.help;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Command lines that a command's help shows. The first stands on the first screen and uses that
 * command. A line has no breaks of its own: the page breaks it before an option where it is too
 * long.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface Examples {
  /** For instance {@code sluice doctor --json}. */
  String[] value();
}
