package io.sluice.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final long SECOND = 1_000_000_000L;

  private final StringWriter text = new StringWriter();
  private long now;

  private Progress progress(boolean terminal, long total) {
    return progress(terminal, 100, "capture", total);
  }

  private Progress progress(boolean terminal, int columns, String label, long total) {
    return new Progress(
        new PrintWriter(text), terminal, columns, () -> now, label, total, "tokens");
  }

  @Test
  void aNarrowTerminalKeepsTheNoteAndTheTimeThatIsLeft() {
    Progress progress = progress(true, 80, "train", 819_200);
    now = 40 * SECOND;
    progress.update(409_600, "FVU 0.1234  dead 12.34%");
    assertThat(text.toString())
        .isEqualTo(
            "\rtrain [#######-------] 50%  10,240 tokens/s  0:40 left"
                + "  FVU 0.1234  dead 12.34%");
    assertThat(text.toString().strip()).hasSizeLessThan(80);
    now = 80 * SECOND;
    progress.update(819_200, "FVU 0.1200  dead 1.00%");
    progress.done();
    progress.close();
    String last = text.toString().substring(text.toString().lastIndexOf('\r') + 1).strip();
    assertThat(last)
        .isEqualTo("train: 819,200 tokens in 1:20, 10,240 tokens/s  FVU 0.1200  dead 1.00%");
  }

  @Test
  void theNoteStaysAtAnyWidthAndInAnyTraining() {
    String note = "FVU 0.1234  dead 12.34%";
    for (int columns = 40; columns <= 130; columns++) {
      for (long total : new long[] {1000, 819_200, 10_000_000_000L}) {
        for (long done : new long[] {total / 1000, total / 3, total}) {
          text.getBuffer().setLength(0);
          now = 0;
          Progress progress = progress(true, columns, "train", total);
          now = 3000 * SECOND;
          progress.update(done, note);
          String drawn = text.toString().strip();
          assertThat(drawn).hasSizeLessThan(columns).contains("% ").endsWith("  " + note);
          progress.done();
          progress.close();
          assertThat(text.toString().strip()).endsWith(note);
        }
      }
    }
  }

  @Test
  void withoutATerminalPrintsALineEveryTenSeconds() {
    Progress progress = progress(false, 4000);
    now = 9 * SECOND;
    progress.update(900);
    assertThat(text.toString()).isEmpty();
    now = 10 * SECOND;
    progress.update(1000, "FVU 0.12");
    now = 11 * SECOND;
    progress.update(1100);
    assertThat(text.toString())
        .isEqualTo("capture: 25%  1,000/4,000 tokens  100 tokens/s  0:30 left  FVU 0.12\n");
  }

  @Test
  void aTotalThatIsFoundOnTheWayGivesTheTimeThatIsLeft() {
    Progress progress = progress(false, 0);
    now = 10 * SECOND;
    progress.update(1000);
    progress.expect(4000);
    now = 20 * SECOND;
    progress.update(2000);
    assertThat(text.toString())
        .isEqualTo(
            "capture: 1,000 tokens  100 tokens/s\n"
                + "capture: 50%  2,000/4,000 tokens  100 tokens/s  0:20 left\n");
  }

  @Test
  void onATerminalRedrawsOneLine() {
    Progress progress = progress(true, 4000);
    now = SECOND;
    progress.update(2000);
    assertThat(text.toString())
        .isEqualTo(
            "\rcapture [############------------] 50%  2,000/4,000 tokens  2,000 tokens/s"
                + "  0:01 left");
    now = 2 * SECOND;
    progress.update(4000);
    progress.done();
    progress.close();
    assertThat(text.toString()).endsWith("\rcapture: 4,000 tokens in 0:02, 2,000 tokens/s\n");
    assertThat(text.toString().chars().filter(c -> c == '\n').count()).isEqualTo(1);
  }

  @Test
  void aFailedTaskLeavesNothingBehind() {
    Progress plain = progress(false, 4000);
    plain.update(100);
    plain.close();
    assertThat(text.toString()).isEmpty();
    Progress drawn = progress(true, 4000);
    now = SECOND;
    drawn.update(2000);
    drawn.close();
    assertThat(text.toString()).endsWith(" \r").doesNotContain("\n");
  }

  @Test
  void unknownTotalShowsNoPercentage() {
    Progress progress = progress(false, 0);
    now = 10 * SECOND;
    progress.update(50);
    assertThat(text.toString()).isEqualTo("capture: 50 tokens  5.0 tokens/s\n");
  }

  @Test
  void rateOfAResumedTaskCountsWhatThisProcessDid() {
    Progress progress = progress(false, 4000).startingAt(2000);
    now = 10 * SECOND;
    progress.update(3000);
    assertThat(text.toString()).contains("75%", " 100 tokens/s", "0:10 left");
  }

  @Test
  void longTimesShowHours() {
    assertThat(Progress.duration(59.6)).isEqualTo("1:00");
    assertThat(Progress.duration(3661)).isEqualTo("1:01:01");
  }
}
