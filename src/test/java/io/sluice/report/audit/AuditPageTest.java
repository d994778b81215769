package io.sluice.report.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.audit.Audit;
import io.sluice.audit.Finding;
import io.sluice.audit.Measured;
import io.sluice.audit.Normalisation;
import io.sluice.audit.Outcome;
import io.sluice.audit.Place;
import io.sluice.audit.Promise;
import io.sluice.audit.Trial;
import io.sluice.audit.TrialResult;
import io.sluice.model.HookPoint;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class AuditPageTest {
  private static final Trial TRIAL =
      new Trial(
          new Place(HookPoint.parse("layers.1.resid"), HookPoint.parse("layers.1.resid")),
          true,
          Normalisation.UNIT,
          false);

  private static Finding finding(String name, double rank, double dead) {
    Measured measured = new Measured(TRIAL, 5000, 0.25, 31.5, dead, 100, rank, 60);
    Promise promise =
        new Promise(
            "tiny",
            "layers.1.resid",
            "layers.1.resid",
            null,
            Normalisation.UNIT,
            true,
            32.0,
            "k",
            null);
    return new Finding(
        name,
        400,
        100,
        "topk",
        promise,
        Outcome.RIGHT,
        "is where its configuration says, at layers.1.resid, with FVU 0.25",
        measured,
        measured,
        List.of(new TrialResult(TRIAL, 0.25, 31.5, 0.5)));
  }

  private static String page(Finding... findings) {
    Audit audit = new Audit("tiny", "text.txt", 5000, 512, List.of(findings));
    return new String(AuditPage.html(audit, Map.of("Sluice", "1")), StandardCharsets.UTF_8);
  }

  @Test
  void showsWhatIsPromisedBesideWhatIsMeasured() {
    assertThat(page(finding("theirs", 40, 0.125)))
        .contains("<h1 id=\"headline\">It is where its configuration says.</h1>")
        .contains("theirs is where its configuration says, at layers.1.resid, with FVU 0.25.")
        .contains("features per token; its k promises 32", "31.5", "12.5 %")
        .contains("effective rank of 100 dimensions; 60 hold 99 % of the variance")
        .contains("<td class=\"fvu configured fitting\" style=\"--fits:75%\"")
        .contains("not said how they begin");
  }

  @Test
  void drawsEachDictionaryAtItsRankAndDeadShare() {
    String page = page(finding("saes/a", 20, 0), finding("saes/b", 80, 1));
    List<String> circles =
        Pattern.compile("<circle cx=\"([0-9.]+)\" cy=\"([0-9.]+)\" r=\"6\"")
            .matcher(page)
            .results()
            .map(MatchResult::group)
            .toList();
    // From 0 to 1 the plot is 688 wide, from 56 on, and 344 high, down to 378.
    assertThat(circles)
        .containsExactly(
            "<circle cx=\"193.6\" cy=\"378.0\" r=\"6\"",
            "<circle cx=\"606.4\" cy=\"34.0\" r=\"6\"");
    assertThat(page).contains(">a</text>", ">b</text>");
  }

  @Test
  void namesOfPointsDoNotCoverEachOther() {
    String page = page(finding("saes/one", 50, 0.5), finding("saes/two", 50, 0.5));
    List<String> names =
        Pattern.compile("<text class=\"(start|end)\" x=\"[0-9.]+\" y=\"([0-9.]+)\">(one|two)<")
            .matcher(page)
            .results()
            .map(match -> match.group(1) + " " + match.group(2) + " " + match.group(3))
            .toList();
    // The plot ends at 50 % dead, so both points are at its top: one name on each side.
    assertThat(names).containsExactly("start 38.0 one", "end 38.0 two");
  }

  @Test
  void namesCannotRun() {
    String page = page(finding("<script>alert(1)</script>", 20, 0), finding("'\"&", 20, 0.1));
    assertThat(page)
        .doesNotContain("<script>alert")
        .contains("&lt;script&gt;alert(1)&lt;/script&gt;", "&#39;&quot;&amp;")
        .contains("Content-Security-Policy\" content=\"default-src 'none';");
  }
}
