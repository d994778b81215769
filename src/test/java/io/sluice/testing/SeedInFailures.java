package io.sluice.testing;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/**
 * Adds to the failure of a random test the options that repeat it, and what caused it. JUnit finds
 * this class by {@code META-INF/services}, for all tests.
 */
public final class SeedInFailures implements TestExecutionExceptionHandler {
  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable thrown)
      throws Throwable {
    Class<?> test = context.getRequiredTestClass();
    if (thrown instanceof TestAbortedException || !Seeds.isAskedBy(test)) {
      throw thrown;
    }
    throw new AssertionError(message(test, thrown), thrown);
  }

  /** All in one line, as Surefire's summary shows little more than the first. */
  static String message(Class<?> test, Throwable thrown) {
    StringBuilder message = new StringBuilder("-Dtest=");
    message.append(test.getSimpleName()).append(' ').append(Seeds.options()).append(": ");
    message.append(thrown instanceof AssertionError ? thrown.getMessage() : thrown);
    for (Throwable cause = thrown.getCause(); cause != null; cause = cause.getCause()) {
      message.append("; caused by ").append(cause);
    }
    return message.toString();
  }
}
