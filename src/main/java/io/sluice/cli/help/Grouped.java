package io.sluice.cli.help;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says under which heading of a command's help an option stands: on the option's field, or on a
 * class for all options that it declares.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.FIELD, ElementType.TYPE})
public @interface Grouped {
  /** The heading. */
  OptionGroup value();
}
