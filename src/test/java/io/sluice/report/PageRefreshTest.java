package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A page that refreshes itself, in a real browser. */
@Tag("slow")
class PageRefreshTest {
  @TempDir private Path folder;

  @Test
  void aFollowedPageComesBackAsItWas() throws Exception {
    Chromium chromium = Chromium.require();
    Following following = new Following(2, Instant.parse("2026-11-28T01:02:03Z"));
    Path page = folder.resolve("page.html");
    Files.writeString(page, probed(following));
    Chromium.Visit visit = chromium.open(page, folder, "--window-size=1280,900");
    assertThat(visit.console()).isEmpty();
    String seen = visit.dom().replaceAll("(?s)<script.*?</script>", "");
    assertThat(seen)
        .contains("Written at 01:02:03 UTC while runs go on")
        .contains("id=\"first\">kept null, at 0")
        .contains(
            "id=\"third\">at 700, line false, data true, scale linear, theme dark, body visible,"
                + " bodies 1, picture with charts, without scripts")
        .doesNotContain("class=\"returning\"");
  }

  @Test
  void aPageThatStaysDoesNotRefreshItself() throws IOException {
    String page = new String(ReportPageTest.full(folder).html(), StandardCharsets.UTF_8);
    assertThat(page).doesNotContain("data-refresh=").doesNotContain("http-equiv=\"refresh\"");
  }

  /**
   * At first it does what a reader would; when it has come back a third time, it writes down what
   * there is: nothing may be lost or shifted a little each time.
   */
  private String probed(Following following) throws IOException {
    return new String(Page.render(ReportPageTest.full(folder), following), StandardCharsets.UTF_8)
        .replaceFirst("<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "")
        .replace("</body>\n</html>", "<script>" + PROBE + "</script></body></html>");
  }

  private static final String PROBE =
      """
      (() => {
        const note = (id, text) => {
          const at = document.createElement('p');
          at.id = id;
          at.textContent = text;
          document.body.append(at);
        };
        const figureOf = (chart) => document.getElementById(chart).closest('figure');
        const line = () => figureOf('chart-fvu').querySelector('.legend button');
        const data = () => figureOf('chart-dead').querySelector('[aria-expanded]');
        const linear = () => figureOf('chart-fvu').querySelectorAll('.segments input')[1];
        const times = Number(sessionStorage.getItem('times') ?? 0) + 1;
        sessionStorage.setItem('times', times);
        if (kept === null) {
          sessionStorage.setItem('first', 'kept ' + kept + ', at ' + scrollY);
          line().click();
          data().click();
          linear().click();
          document.querySelector('input[name=theme][value=dark]').click();
          scrollTo({ top: 700, behavior: 'instant' });
        }
        if (times < 4) return;
        printing = true; // It need not refresh itself again.
        const picture = JSON.stringify(kept.picture);
        note('first', sessionStorage.getItem('first'));
        note('third', 'at ' + scrollY + ', line ' + line().getAttribute('aria-pressed') +
          ', data ' + data().getAttribute('aria-expanded') + ', scale ' + (linear().checked ? 'linear' : 'log') +
          ', theme ' + document.documentElement.dataset.theme + ', body ' + getComputedStyle(document.body).visibility +
          ', bodies ' + document.querySelectorAll('body').length +
          ', picture ' + (picture.includes('/svg","path"') ? 'with' : 'without') + ' charts, ' +
          (picture.includes('"script"') ? 'with' : 'without') + ' scripts');
      })();
      """;
}
