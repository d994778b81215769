package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.sluice.files.Quoted;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/** What holds of every command, whatever it is given. */
final class CommandCheck {
  private static final long SLOWEST_SECONDS = 120;

  private CommandCheck() {}

  /**
   * Runs a command, which must end with status 0, or with status 1 or 2 and one line that is no
   * internal error, in good time.
   *
   * @param about what else a failure of this check is to say
   */
  static void endsWell(List<String> arguments, String about) throws InterruptedException {
    String shown =
        arguments.stream().map(Quoted::of).collect(Collectors.joining(" ")) + "\n" + about;
    boolean print = Boolean.getBoolean("sluice.fuzz.show");
    if (print) {
      System.out.println(shown);
    }
    StringWriter err = new StringWriter();
    AtomicInteger status = new AtomicInteger(-1);
    Thread working =
        Thread.ofPlatform()
            .daemon()
            .start(
                () ->
                    status.set(
                        Main.run(new StringWriter(), err, arguments.toArray(String[]::new))));
    working.join(SLOWEST_SECONDS * 1000);
    if (working.isAlive()) {
      String where =
          Arrays.stream(working.getStackTrace())
              .limit(20)
              .map(String::valueOf)
              .collect(Collectors.joining("\n  "));
      fail("still runs: " + shown + "\n  " + where);
    }
    String told = err.toString();
    if (print) {
      System.out.println(" -> " + status + " " + told.strip());
    }
    assertThat(status.get()).as(shown + "\n" + told).isIn(0, 1, 2);
    assertThat(told).as(shown).doesNotContain("internal error", "Exception", "\tat ");
    assertThat(told.codePoints()).as(shown).allMatch(Quoted::isHarmless);
    if (status.get() != 0) {
      List<String> errors = told.lines().filter(each -> each.startsWith("sluice")).toList();
      assertThat(errors).as(shown + "\n" + told).hasSize(1);
      assertThat(told.lines().toList().getLast()).as(shown).isEqualTo(errors.getFirst());
      assertThat(errors.getFirst()).as(shown).doesNotContain(": null");
    }
  }
}
