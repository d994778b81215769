package io.sluice.browse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.features.FeatureFolder;
import io.sluice.features.SyntheticFeatures;
import io.sluice.features.compare.MatchFile;
import io.sluice.features.compare.SyntheticMatches;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a real browser. */
@Tag("slow")
class BrowsePageTest {
  private static final String LISTED = "document.getElementById('scatter').dataset.drawn > 0";

  @TempDir private Path scratch;

  @Test
  void drawsFiltersAndFollowsLinks() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 2000, 0.1);
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      browser.look(1280, 900, false);
      browser.open(server.address(), LISTED);
      assertThat(text(browser, "#headline")).startsWith("2,000 features, ");
      assertThat(text(browser, "#matches")).isEqualTo("2,000 features");
      assertThat(count(browser, ".rows .row")).isBetween(10, 40);
      assertThat(inked(browser)).isGreaterThan(300);

      // A text, as it is typed.
      browser.evaluate("document.getElementById('query').focus()");
      for (char c : "whale".toCharArray()) {
        browser.press(String.valueOf(c), Character.toUpperCase(c), String.valueOf(c));
      }
      byte[] bits = PeakIndex.of(folder).find("whale");
      int found = 0;
      for (byte each : bits) {
        found += Integer.bitCount(each & 0xff);
      }
      browser.await(
          "document.getElementById('matches').textContent === '" + found + " of 2,000 features'");
      assertThat(browser.evaluate("location.hash").asText()).isEqualTo("#text=whale");

      // The first of them, and back, by the keyboard alone.
      browser.press("Escape", 27, null);
      browser.press("Enter", 13, "\r");
      browser.await("!document.getElementById('feature-view').hidden");
      String number = browser.evaluate("location.hash.replace(/.*feature=/, '')").asText();
      assertThat(text(browser, "#feature-title").replace(",", "")).startsWith("Feature " + number);
      assertThat(text(browser, ".fires-on")).containsIgnoringCase("whale");
      assertThat(browser.evaluate("document.activeElement.id").asText()).isEqualTo("feature-title");
      assertThat(count(browser, ".context")).isGreaterThan(0);
      assertThat(count(browser, ".histogram rect:not(.field)")).isGreaterThan(5);
      assertThat(count(browser, ".heads-list li")).isEqualTo(NovelFeatures.HEADS);
      assertThat(count(browser, ".effects li")).isEqualTo(20);
      browser.press("j", 'J', "j");
      browser.await("!location.hash.endsWith('feature=" + number + "')");
      browser.press("k", 'K', "k");
      browser.await("location.hash.endsWith('feature=" + number + "')");
      browser.press("Escape", 27, null);
      browser.await("document.getElementById('feature-view').hidden");
      assertThat(browser.evaluate("location.hash").asText()).isEqualTo("#text=whale");

      // A link to a similar feature.
      browser.open(URI.create(server.address() + "#feature=12"), title("12"));
      String similar = text(browser, ".similar a");
      browser.evaluate("document.querySelector('.similar a').click()");
      browser.await(title(similar));

      // Dead ones, the largest maximum first.
      browser.open(URI.create(server.address() + "#show=dead&sort=-max"), "true");
      int dead = 0;
      for (int i = 0; i < 2000; i++) {
        dead += folder.features().dead(i) ? 1 : 0;
      }
      browser.await(
          "document.getElementById('matches').textContent === '" + dead + " of 2,000 features'");
      assertThat(browser.console()).isEmpty();
      assertThat(browser.requests())
          .allMatch(url -> url.startsWith(server.address().toString()) || url.startsWith("about:"));
    }
  }

  @Test
  void tokensTellWhatTheyHaveAndWhereItCameFrom() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 200, 0);
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      browser.look(1280, 900, false);
      browser.open(URI.create(server.address() + "#feature=5"), title("5"));
      JsonNode box =
          browser.evaluate(
              "(() => { const box = document.querySelector('mark.t').getBoundingClientRect();"
                  + " return [box.left + box.width / 2, box.top + box.height / 2]; })()");
      browser.point(box.get(0).asDouble(), box.get(1).asDouble());
      browser.await("!document.getElementById('tip').hidden");
      assertThat(text(browser, "#tip")).contains("Activation", "written by head");
      assertThat(count(browser, ".tokens.from")).isEqualTo(1);
      assertThat(count(browser, ".tokens.from .gives, .tokens.from .takes")).isGreaterThan(0);

      // The same by keys, read out.
      browser.evaluate("document.querySelector('.tokens').focus()");
      browser.press("ArrowRight", 39, null);
      browser.await("document.getElementById('live').textContent.includes('Activation')");

      int far = count(browser, ".far");
      assertThat(visible(browser, ".far")).isZero();
      browser.press("o", 'O', "o");
      assertThat(far).isGreaterThan(0);
      browser.await("document.querySelector('#open-all').getAttribute('aria-expanded') === 'true'");
      assertThat(visible(browser, ".far")).isEqualTo(far);
      assertThat(browser.console()).isEmpty();
    }
  }

  @Test
  void featuresOfTwoDictionariesLeadToEachOther() throws Exception {
    FeatureFolder first = NovelFeatures.write(scratch.resolve("a"), "seed-0", 300, 0.1);
    FeatureFolder second = NovelFeatures.write(scratch.resolve("b"), "seed-1", 200, 0.9);
    Path matches = scratch.resolve("matches.arrow");
    SyntheticMatches.write(
        matches,
        new MatchFile.Side("seed-1", NovelFeatures.sha256("seed-1"), 200),
        new MatchFile.Side("seed-0", NovelFeatures.sha256("seed-0"), 300));
    BrowsedFeatures both = BrowsedFeatures.of(first, second, MatchFile.open(matches));
    Path file = scratch.resolve("both.html");
    FeatureFile.write(both, FeatureSelection.parse("5,7"), 0, file);
    try (FeatureServer server = FeatureServer.start(both, 0);
        DevTools browser = DevTools.start(scratch)) {
      browser.look(1280, 900, false);
      for (URI page : List.of(server.address(), file.toUri())) {
        browser.open(URI.create("about:blank"), "true");
        browser.open(URI.create(page + "#feature=5"), title("5"));
        assertThat(text(browser, "#matches-title")).isEqualTo("Best matches in seed-1");
        assertThat(count(browser, ".matched li")).isEqualTo(MatchFile.MOST);
        assertThat(text(browser, ".matched li span:last-child")).isEqualTo("0.900");
        assertThat(browser.evaluate("document.title").asText()).contains("seed-0");
        browser.evaluate("document.querySelector('.matched a').click()");
        browser.await("document.getElementById('matches-title').textContent.endsWith('seed-0')");
        assertThat(browser.evaluate("location.hash").asText()).isEqualTo("#in=2&feature=5");
        assertThat(browser.evaluate("document.title").asText()).contains("seed-1");
        browser.evaluate("document.querySelector('.matched a').click()");
        browser.await("document.getElementById('matches-title').textContent.endsWith('seed-1')");

        // The other dictionary's list, by the buttons of the head.
        browser.evaluate("document.querySelectorAll('#where input')[1].click()");
        browser.await(
            "!document.getElementById('list-view').hidden"
                + " && document.getElementById('headline').textContent.includes('200 features')");
        browser.evaluate("history.back()");
        browser.await(title("5"));
      }
      assertThat(browser.console()).isEmpty();
    }
    FeatureFolder other = NovelFeatures.write(scratch.resolve("c"), "seed-2", 200, 0);
    assertThatThrownBy(() -> BrowsedFeatures.of(first, other, MatchFile.open(matches)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("seed-2")
        .hasMessageContaining("compare the dictionaries");
  }

  @Test
  void aPageOfAnyFeatureComesAtOnce() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 2000, 0);
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      browser.look(1280, 900, false);
      browser.open(server.address(), LISTED);
      requireMedian("page", 50, () -> pages(browser, 3, 500, 999, 1500, 1999, 77, 1234));
    }
  }

  @FunctionalInterface
  private interface Times {
    List<Double> measure() throws Exception;
  }

  /** In one of some rounds: the promise is of a machine at rest, and others may be working here. */
  private static void requireMedian(String name, double milliseconds, Times times)
      throws Exception {
    double best = Double.POSITIVE_INFINITY;
    for (int round = 0; round < 6 && best >= milliseconds; round++) {
      List<Double> all = times.measure();
      System.out.println(name + ": " + all + " ms");
      best = Math.min(best, all.stream().sorted().toList().get(all.size() / 2));
    }
    assertThat(best).as("median of milliseconds for a " + name).isLessThan(milliseconds);
  }

  private static List<Double> filters(DevTools browser) throws Exception {
    List<Double> times = new ArrayList<>();
    for (String search :
        List.of(
            "sort=-max",
            "sort=-max&show=alive&density=0.001..0.1",
            "max=1..5&sort=similar",
            "text=whale",
            "text=Ishmael+harpoon&show=alive",
            "similar=0.5..&max=2..",
            "")) {
      times.add(
          browser
              .evaluate(
                  "new Promise((done) => { const seen = document.getElementById('matches');"
                      + " seen.dataset.milliseconds = '';"
                      + " const began = performance.now(); location.hash = '#"
                      + search
                      + "'; const look = () => seen.dataset.milliseconds !== ''"
                      + " ? requestAnimationFrame(() => done(performance.now() - began))"
                      + " : setTimeout(look, 1); look(); })")
              .asDouble());
    }
    return times;
  }

  private static List<Double> pages(DevTools browser, int... features) throws Exception {
    List<Double> times = new ArrayList<>();
    for (int feature : features) {
      times.add(
          browser
              .evaluate(
                  "new Promise((done) => { const view = document.getElementById('feature-view');"
                      + " const began = performance.now(); location.hash = '#feature="
                      + feature
                      + "'; new MutationObserver((seen, watch) => { watch.disconnect();"
                      + " done(performance.now() - began); })"
                      + ".observe(view, { attributeFilter: ['data-milliseconds'] }); })")
              .asDouble());
    }
    return times;
  }

  @Test
  void hostileTextsStayTexts() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 50, 0);
    Path file = scratch.resolve("features.html");
    FeatureFile.write(BrowsedFeatures.of(folder), FeatureSelection.parse("0,1,7"), 0, file);
    String hostile = "<img src=x onerror=\"document.title='ran'\">";
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      List<URI> pages = new ArrayList<>();
      for (URI page : List.of(server.address(), file.toUri())) {
        pages.add(URI.create(page + "#feature=0"));
        pages.add(URI.create(page + "#feature=1&text=%3Cimg%20src=x%20onerror=%22a"));
      }
      for (URI page : pages) {
        browser.open(URI.create("about:blank"), "true");
        browser.open(page, "!document.getElementById('feature-view').hidden");
        assertThat(text(browser, "main")).contains(hostile, "\\u202e");
        assertThat(count(browser, "img")).isZero();
        assertThat(browser.evaluate("document.title").asText()).startsWith("Feature ");
      }
      assertThat(browser.console()).isEmpty();
      assertThat(browser.requests())
          .allMatch(
              url ->
                  url.startsWith(server.address().toString())
                      || url.startsWith("about:")
                      || url.startsWith(file.toUri().toString()));
    }
  }

  @Test
  void aFileHasTheSameAndAsksNobody() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 2000, 0.1);
    Path file = scratch.resolve("features.html");
    long bytes =
        FeatureFile.write(
            BrowsedFeatures.of(folder), FeatureSelection.parse("top-density:50"), 0, file);
    assertThat(Files.size(file)).isEqualTo(bytes);
    assertThat(Files.readString(file))
        .contains("default-src 'none'")
        .doesNotContain("connect-src")
        .doesNotContain("{{title}}");
    try (DevTools browser = DevTools.start(scratch)) {
      browser.look(400, 860, true);
      browser.open(file.toUri(), LISTED);
      assertThat(text(browser, "#headline")).startsWith("50 of 2,000 features, ");
      String word = browser.evaluate("document.querySelector('.row .chip').textContent").asText();
      browser.evaluate(
          "(() => { const query = document.getElementById('query'); query.value = '"
              + word
              + "'; query.dispatchEvent(new Event('input')); })()");
      browser.await("/ of 50 features$/.test(document.getElementById('matches').textContent)");
      browser.evaluate("document.querySelector('.rows .row').click()");
      browser.await("!document.getElementById('feature-view').hidden");
      assertThat(text(browser, ".fires-on")).contains(word);
      browser.open(
          URI.create(file.toUri() + "#feature=999999"),
          "document.querySelector('#feature-view [role=alert]') !== null");
      assertThat(text(browser, "#feature-view")).contains("does not hold feature 999999");
      assertThat(browser.console()).isEmpty();
      assertThat(browser.requests()).allMatch(url -> url.startsWith(file.toUri().toString()));
    }
  }

  @Test
  void nothingIsCutOffAtAnyWidth() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 1000, 0.97);
    int alive = 2;
    while (folder.contexts().of(alive).size() < 3) {
      alive++;
    }
    int silent = 2;
    while (folder.features().count(silent) > 0) {
      silent++;
    }
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      for (int width : new int[] {1280, 1000, 400, 320}) {
        for (String at :
            List.of("#sort=-max", "#feature=0", "#feature=" + alive, "#feature=" + silent)) {
          browser.look(width, 860, width == 400);
          browser.open(URI.create("about:blank"), "true");
          browser.open(
              URI.create(server.address() + at),
              at.contains("feature") ? "!document.getElementById('feature-view').hidden" : LISTED);
          assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt())
              .as(at + " at " + width)
              .isLessThanOrEqualTo(width);
          assertThat(text(browser, "main"))
              .doesNotContain("NaN")
              .doesNotContain("undefined")
              .doesNotContain("[object");
        }
      }
      assertThat(browser.console()).isEmpty();
    }
  }

  @Test
  void everyControlHasANameAndRolesFit() throws Exception {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("features"), 500, 0.1);
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      browser.look(1280, 900, false);
      browser.open(server.address(), LISTED);
      String unnamed =
          "[...document.querySelectorAll('a, button, input, [role=grid], [role=img]')]"
              + ".filter((e) => e.offsetParent !== null)"
              + ".filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim()"
              + " || e.labels?.[0]?.textContent.trim())).map((e) => e.outerHTML)";
      assertThat(browser.evaluate(unnamed)).isEmpty();
      browser.evaluate("document.querySelector('.box').focus()");
      browser.press("End", 35, null);
      browser.await(
          "document.getElementById(document.querySelector('.box')"
              + ".getAttribute('aria-activedescendant'))?.getAttribute('aria-rowindex') === '501'");
      assertThat(browser.evaluate("document.querySelector('.box').ariaRowCount").asText())
          .isEqualTo("501");
      browser.press("Home", 36, null);
      browser.await("document.querySelector('#row-0.active') !== null");
      browser.evaluate("document.querySelector('[data-sort=max] button').click()");
      browser.await(
          "document.querySelector('[data-sort=max]').getAttribute('aria-sort') === 'descending'");
      browser.open(URI.create(server.address() + "#feature=3"), title("3"));
      assertThat(browser.evaluate(unnamed)).isEmpty();
    }
  }

  @Test
  void aMillionFeaturesFilterAtOnce() throws Exception {
    int features = 1_000_000;
    FeatureFolder folder = SyntheticFeatures.write(scratch.resolve("million"), features, 1, 0);
    try (FeatureServer server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
        DevTools browser = DevTools.start(scratch)) {
      browser.look(1280, 900, false);
      browser.open(server.address(), LISTED);
      requireMedian(
          "filter",
          200,
          () -> {
            // Opened again, for orders that were sorted once are kept.
            browser.open(URI.create("about:blank"), "true");
            browser.open(server.address(), LISTED);
            return filters(browser);
          });
      requireMedian(
          "page of a million", 50, () -> pages(browser, 5, 123_456, 999_999, 500_000, 77));

      // The last row of a list that is taller than browsers make boxes.
      browser.evaluate("location.hash = ''");
      browser.await("!document.getElementById('list-view').hidden");
      browser.evaluate("document.querySelector('.box').focus()");
      browser.press("End", 35, null);
      browser.await("document.querySelector('#row-999999.active') !== null");
      browser.evaluate(
          "document.querySelector('.box').scrollTop = document.querySelector('.box').scrollHeight"
              + " / 2");
      browser.await(
          "Math.abs(Number(document.querySelector('.rows .row').id.slice(4)) - 500000) < 2000");
      assertThat(browser.console()).isEmpty();
    }
  }

  private static String title(String feature) {
    return "document.getElementById('feature-title')?.textContent.startsWith('Feature "
        + feature
        + "')";
  }

  private static String text(DevTools browser, String selector) throws Exception {
    return browser
        .evaluate("document.querySelector('" + selector + "')?.textContent ?? ''")
        .asText();
  }

  private static int count(DevTools browser, String selector) throws Exception {
    return browser.evaluate("document.querySelectorAll('" + selector + "').length").asInt();
  }

  private static int visible(DevTools browser, String selector) throws Exception {
    return browser
        .evaluate(
            "[...document.querySelectorAll('"
                + selector
                + "')].filter((e) => e.getClientRects().length > 0).length")
        .asInt();
  }

  /** How many pixels of the scatter have the features' colour. */
  private static int inked(DevTools browser) throws Exception {
    return browser
        .evaluate(
            "(() => { const canvas = document.querySelector('#scatter canvas');"
                + " const d = canvas.getContext('2d').getImageData(50, 25, canvas.width - 60,"
                + " canvas.height - 70).data; let n = 0;"
                + " for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 60 && d[i + 2] > d[i] + 25) n++;"
                + " return n; })()")
        .asInt();
  }
}
