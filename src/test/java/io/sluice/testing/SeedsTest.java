package io.sluice.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.opentest4j.TestAbortedException;

/** Random tests can be repeated, and say how. */
class SeedsTest {
  private static final Path TESTS = Path.of("src/test/java");
  private static final Pattern OTHER_SEED =
      Pattern.compile(
          "new Random\\(\\)|ThreadLocalRandom|Math\\.random|[sS](eed|EED) = System\\.nanoTime");

  /** A test that asks for the seed, by way of the class that it extends. */
  private static class Asking {
    final long seed = Seeds.seed();
  }

  private static final class Extending extends Asking {}

  private static final class Unasking {}

  @Test
  void noTestDrawsASeedOfItsOwn() throws IOException {
    List<Path> files;
    try (Stream<Path> walked = Files.walk(TESTS)) {
      files = walked.filter(file -> file.toString().endsWith(".java")).toList();
    }
    assertThat(files).hasSizeGreaterThan(100);
    for (Path file : files) {
      if (!file.endsWith("SeedsTest.java") && !file.endsWith("Seeds.java")) {
        assertThat(Files.readString(file)).as("%s", file).doesNotContainPattern(OTHER_SEED);
      }
    }
  }

  @Test
  void aFailureSaysHowToRepeatItAndWhatCausedIt() {
    Asking asking = new Extending();
    Throwable failure =
        thrownFor(
            asking.getClass(),
            new AssertionError("file 458", new OutOfMemoryError("Cannot reserve 9 bytes")));
    assertThat(failure)
        .isInstanceOf(AssertionError.class)
        .hasMessageStartingWith("-Dtest=Extending -Dsluice.seed=" + asking.seed)
        .hasMessageEndingWith(
            ": file 458; caused by java.lang.OutOfMemoryError: Cannot reserve 9 bytes")
        .hasMessageNotContaining("\n");
    assertThat(thrownFor(asking.getClass(), new IllegalStateException("no")))
        .hasMessageEndingWith(": java.lang.IllegalStateException: no");
  }

  @Test
  void otherTestsFailAndAreSkippedAsTheyWere() {
    Throwable failure = new IllegalStateException("no");
    assertThat(thrownFor(Unasking.class, failure)).isSameAs(failure);
    Throwable skipped = new TestAbortedException("no LibTorch");
    new Extending();
    assertThat(thrownFor(Extending.class, skipped)).isSameAs(skipped);
  }

  @Test
  void isRegisteredForAllTests() throws IOException {
    assertThat(ServiceLoader.load(Extension.class))
        .hasAtLeastOneElementOfType(SeedInFailures.class);
    try (var settings = SeedsTest.class.getResourceAsStream("/junit-platform.properties")) {
      assertThat(new String(settings.readAllBytes()))
          .contains("junit.jupiter.extensions.autodetection.enabled=true");
    }
  }

  private static Throwable thrownFor(Class<?> test, Throwable thrown) {
    ExtensionContext context =
        (ExtensionContext)
            Proxy.newProxyInstance(
                SeedsTest.class.getClassLoader(),
                new Class<?>[] {ExtensionContext.class},
                (proxy, method, arguments) -> test);
    try {
      new SeedInFailures().handleTestExecutionException(context, thrown);
      return null;
    } catch (Throwable e) {
      return e;
    }
  }
}
