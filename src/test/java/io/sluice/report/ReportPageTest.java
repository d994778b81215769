package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.evaluation.LossRecovered;
import io.sluice.evaluation.LossRecovery;
import io.sluice.evaluation.measures.ModelEffect;
import io.sluice.features.SyntheticFeatures;
import io.sluice.report.TrainingRun.Setting;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The page in a real browser. */
@Tag("slow")
class ReportPageTest {
  private static final Pattern CHART = Pattern.compile("<div class=\"chart[^>]*>");

  @TempDir private Path folder;

  @Test
  void everyChartDrawsWithoutErrorsOrRequests() throws Exception {
    Chromium chromium = Chromium.require();
    Path page = write(full(folder));
    Chromium.Visit visit = chromium.open(page, folder);
    assertThat(visit.console()).isEmpty();
    assertThat(visit.requests()).isEmpty();
    assertThat(drawn(visit.dom()).keySet())
        .containsExactlyInAnyOrder(
            "chart-dimension",
            "chart-rank",
            "chart-spectrum",
            "chart-cumulative",
            "chart-squeeze",
            "chart-overlap",
            "chart-loss",
            "chart-needed",
            "chart-heldOut",
            "chart-fvu",
            "chart-dead",
            "chart-frequency");
    assertThat(drawn(visit.dom()))
        .allSatisfy((chart, shapes) -> assertThat(shapes).isGreaterThan(6));
    assertThat(text(visit.dom()))
        .contains("Attention writes in")
        .doesNotContain("NaN")
        .doesNotContain("undefined")
        .doesNotContain("[object");
  }

  @Test
  void missingSectionsAreLeftOut() throws Exception {
    Chromium chromium = Chromium.require();
    Report whole = full(folder);
    TrainingRun first = whole.runs().getFirst();
    TrainingRun bare = new TrainingRun("bare", List.of(), null, List.of(), null);
    Spectra s = whole.spectra();
    Spectra oneHook =
        new Spectra("m", "t", 10, 0.99, 384, 1, List.of(s.hooks().getFirst()), List.of());

    Path spectraOnly = write(new Report("Spectra", oneHook, List.of(), List.of()));
    Chromium.Visit visit = chromium.open(spectraOnly, folder);
    assertThat(visit.console()).isEmpty();
    assertThat(drawn(visit.dom()).keySet())
        .containsExactlyInAnyOrder(
            "chart-dimension", "chart-rank", "chart-spectrum", "chart-cumulative");

    Path runsOnly = write(new Report("Runs", null, List.of(first, bare), List.of()));
    visit = chromium.open(runsOnly, folder);
    assertThat(visit.console()).isEmpty();
    assertThat(drawn(visit.dom()).keySet())
        .containsExactlyInAnyOrder("chart-heldOut", "chart-fvu", "chart-dead", "chart-frequency");

    Path lossOnly =
        write(new Report("Loss", null, List.of(), loss("layers.1.z", "layers.2.z"), List.of()));
    visit = chromium.open(lossOnly, folder);
    assertThat(visit.console()).isEmpty();
    assertThat(drawn(visit.dom()).keySet()).containsExactlyInAnyOrder("chart-loss", "chart-needed");

    Path sweepOnly = write(new Report("Sweep", null, List.of(), null, List.of(sweep()), List.of()));
    visit = chromium.open(sweepOnly, folder);
    assertThat(visit.console()).isEmpty();
    assertThat(drawn(visit.dom()).keySet())
        .containsExactlyInAnyOrder("chart-scaling-dead", "chart-scaling-heldOut", "chart-shares");
    assertThat(drawn(visit.dom()))
        .allSatisfy((chart, shapes) -> assertThat(shapes).isGreaterThan(6));
    assertThat(text(visit.dom()))
        .contains("init random, centring off", "mean offset", "±")
        .doesNotContain("NaN")
        .doesNotContain("undefined");

    visit = chromium.open(write(new Report("Bare", null, List.of(bare), List.of())), folder);
    assertThat(visit.console()).isEmpty();
    assertThat(drawn(visit.dom())).isEmpty();
  }

  @Test
  void featuresAreCardsAndTheirTextsStayTexts() throws Exception {
    Chromium chromium = Chromium.require();
    SyntheticFeatures.write(folder.resolve("features"), 200);
    FeatureCards cards = FeatureCards.read(folder.resolve("features"), "./features.html");
    String hostile = "<img src=x onerror=document.title=1>";
    FeatureCards other =
        new FeatureCards(
            hostile,
            hostile,
            null,
            9,
            0,
            List.of(new FeatureCards.Card(3, 0.5f, 2, 0, List.of(hostile), List.of(2f))));
    Report report =
        new Report("Features", null, List.of(), null, List.of(), List.of(), List.of(cards, other));
    Chromium.Visit visit = chromium.open(write(report), folder);
    assertThat(visit.console()).isEmpty();
    assertThat(visit.requests()).isEmpty();
    assertThat(visit.dom().split("class=\"cards-text\"", -1)).hasSize(14);
    assertThat(visit.dom())
        .contains(
            "href=\"./features.html\"",
            "sluice browse --features ",
            "14% dead".replace("%", "\u202f%"))
        .contains("&lt;img src=x onerror=document.title=1&gt;</mark>");
    assertThat(text(visit.dom())).doesNotContain("<img");
  }

  @Test
  void hostileNamesDoNotRun() throws Exception {
    Chromium chromium = Chromium.require();
    String hostile =
        "</script><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
            + "\u2028\u2029{{data}}'\"&amp;<!--\ud800";
    Report whole = full(folder);
    Spectra s = whole.spectra();
    List<Spectra.Hook> hooks = new ArrayList<>(s.hooks());
    Spectra.Hook h = hooks.getFirst();
    hooks.add(
        new Spectra.Hook(
            hostile,
            hostile,
            0,
            384,
            1L,
            9,
            null,
            9.0,
            null,
            null,
            null,
            null,
            h.eigenvalues(),
            null,
            null));
    TrainingRun r = whole.runs().getFirst();
    List<Setting> settings = List.of(new Setting("__proto__", hostile), new Setting(hostile, "1"));
    TrainingRun named = new TrainingRun(hostile, settings, r.result(), r.metrics(), r.evaluation());
    Report report =
        new Report(
            hostile,
            new Spectra(hostile, hostile, 1, 0.99, 384, 6, hooks, s.outputProjections()),
            List.of(named, named),
            List.of(new Setting(hostile, hostile)));
    Chromium.Visit visit = chromium.open(write(report), folder);
    assertThat(visit.console()).isEmpty();
    assertThat(visit.requests()).isEmpty();
    assertThat(text(visit.dom())).doesNotContain("<title>ran</title>").doesNotContain("<img");
    assertThat(drawn(visit.dom())).hasSize(10);
  }

  @Test
  void answersToMouseKeysAndLegend() throws Exception {
    Chromium chromium = Chromium.require();
    Path file = folder.resolve("probed.html");
    Files.writeString(file, probed(full(folder), PROBE));
    // Without motion all of a change is in the next drawing.
    Chromium.Visit visit = chromium.open(file, folder, "--force-prefers-reduced-motion");
    assertThat(visit.console()).isEmpty();
    String seen = text(visit.dom());
    assertThat(seen).containsPattern("id=\"mouse\">Layer \\d.*attn_out.* of 384");
    assertThat(seen).containsPattern("id=\"key\">Layer 1.*attn_out");
    assertThat(seen).containsPattern("id=\"announced\">Layer 1");
    assertThat(seen).contains("id=\"pressed\">false");
    assertThat(seen).contains("id=\"layer\">Layer 5");
    assertThat(seen).contains("id=\"theme\">dark");
  }

  @ParameterizedTest
  @ValueSource(ints = {1280, 1000})
  void everythingIsInsideItsPlace(int width) throws Exception {
    Chromium chromium = Chromium.require();
    Report whole = full(folder);
    List<TrainingRun> runs = new ArrayList<>();
    for (TrainingRun run : whole.runs()) {
      // Few features make narrow numbers on the axis, and all columns make a wide table.
      TrainingRun.Evaluation e = run.evaluation();
      TrainingRun.Histogram few =
          new TrainingRun.Histogram(new double[] {-3, -2, -1, 0}, new long[] {2, 5, 1}, 8);
      runs.add(
          new TrainingRun(
              "skip transcoder, " + run.name() + ", resampled, sparse Adam",
              run.settings(),
              run.result(),
              run.metrics(),
              new TrainingRun.Evaluation(
                  e.rows(),
                  e.tokens(),
                  e.fvu(),
                  e.explainedVariance(),
                  e.l0(),
                  97.35,
                  e.explainedVariance(),
                  0.938,
                  167.2,
                  0.935,
                  e.deadFraction(),
                  e.deadWindowTokens(),
                  few,
                  e.trained(),
                  new LossRecovered("made-up.txt", 20_000, 3.2, 5.1, 3.4, 0.895, EFFECT))));
    }
    Report crowded =
        new Report("t", whole.spectra(), runs, whole.loss(), List.of(sweep()), List.of());
    Path file = folder.resolve("measured.html");
    Files.writeString(file, probed(crowded, MEASURE));
    Chromium.Visit visit = chromium.open(file, folder, "--window-size=" + width + ",900");
    assertThat(visit.console()).isEmpty();
    assertThat(text(visit.dom()))
        .contains("What other libraries report", "96.6\u202f%", "0.938", "0.0162");
    assertThat(text(visit.dom())).contains("id=\"measured\">15 charts, 4 tables;<");
  }

  private static final ModelEffect EFFECT =
      new ModelEffect(
          20_000, 20_100, 3.2, 3.4, 9.1, 5.1, 0.966, 0.895, 0.0162, 4.2, 1.3, 0.974, 0.915, null);

  /** Writes down what is cut off: tables that have to be scrolled, words outside their chart. */
  private static final String MEASURE =
      """
      (async () => {
        for (let i = 0; i < 100 && document.querySelectorAll('.chart[data-drawn]').length < 15; i++) {
          await new Promise((done) => setTimeout(done, 100));
        }
        const charts = [...document.querySelectorAll('.chart')];
        const tables = [...document.querySelectorAll('.scroll')];
        const cut = tables.filter((t) => t.scrollWidth > t.clientWidth).map((t) => t.parentNode.textContent.slice(0, 20));
        for (const chart of charts) {
          const place = chart.getBoundingClientRect();
          for (const word of chart.querySelectorAll('svg text')) {
            const box = word.getBoundingClientRect();
            if (box.left < place.left - 1 || box.right > place.right + 1) cut.push(chart.id + ' ' + word.textContent);
          }
        }
        const note = document.createElement('p');
        note.id = 'measured';
        note.textContent = charts.length + ' charts, ' + tables.length + ' tables;' + cut.join(', ');
        document.body.append(note);
      })();
      """;

  /** The page with a script that is no part of it, and so without the policy against such. */
  private static String probed(Report report, String script) {
    return new String(report.html(), StandardCharsets.UTF_8)
        .replaceFirst("<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "")
        .replace("</body>\n</html>", "<script>" + script + "</script></body></html>");
  }

  /**
   * Does what a person would, waits until the page answers, and writes down what it showed. It
   * waits for what is to come, never for a fixed time, and has the chart drawn before it counts its
   * shapes: timers run ahead of the clock here, and frames come late on a busy machine.
   */
  private static final String PROBE =
      """
      const wait = (ms) => new Promise((done) => setTimeout(done, ms));
      const until = async (holds, act) => {
        for (let i = 0; i < 100 && !holds(); i++) {
          act?.();
          await wait(100);
        }
      };
      const note = (id, text) => {
        const at = document.createElement('p');
        at.id = id;
        at.textContent = text.replaceAll('\\n', ' ');
        document.body.append(at);
      };
      (async () => {
        await until(() => document.querySelectorAll('.chart[data-drawn]').length === 9);
        const chart = document.getElementById('chart-dimension');
        const tip = () => chart.querySelector('.tip')?.textContent ?? '';
        const box = chart.getBoundingClientRect();
        await until(() => tip() !== '', () =>
          chart.querySelector('svg').parentNode.dispatchEvent(new MouseEvent('mousemove', {
            bubbles: true, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 })));
        note('mouse', tip());
        for (let i = 0; i < 2; i++) {
          chart.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
        }
        await until(() => tip().startsWith('Layer 1'));
        note('key', tip());
        const live = document.getElementById('live');
        await until(() => live.textContent !== '');
        note('announced', live.textContent);
        const button = chart.closest('figure').querySelector('.legend button');
        const paths = () => {
          echarts.getInstanceByDom(chart).getZr().flush();
          return chart.querySelectorAll('svg path').length;
        };
        const before = paths();
        button.click();
        note('pressed', paths() < before ? button.getAttribute('aria-pressed') : 'nothing went');
        const caption = () =>
          document.getElementById('chart-spectrum').closest('figure').querySelector('figcaption p').textContent;
        document.querySelector('#spectra-layer label:last-child input').click();
        await until(() => caption().includes('Layer 5'));
        note('layer', caption());
        document.querySelector('input[name=theme][value=dark]').click();
        await until(() => document.documentElement.dataset.theme === 'dark');
        note('theme', document.documentElement.dataset.theme);
      })();
      """;

  /** The document without its scripts. */
  private static String text(String dom) {
    return dom.replaceAll("(?s)<script.*?</script>", "");
  }

  private Path write(Report report) throws IOException {
    Path page = folder.resolve("report.html");
    report.write(page);
    return page;
  }

  static Report full(Path folder) throws IOException {
    List<TrainingRun> runs = new ArrayList<>();
    for (Path run : SyntheticReport.runs(folder, 5)) {
      runs.add(TrainingRun.read(run));
    }
    return new Report(
        "The dimensions of a made-up model",
        Spectra.read(SyntheticReport.spectrum(folder, 6, 4)),
        runs,
        loss("layers.3.attn_out", "layers.3.mlp_out"),
        List.of(
            new Setting("Model", "made-up-6x384"),
            new Setting("Text", "made-up.txt"),
            new Setting("Tokens in the spectra", "122,880")));
  }

  private static SweepResult sweep() {
    Grid grid =
        Grid.parse(List.of("init=random,asi", "centring=off,on", "features=64,256", "seed=1,2,3"));
    List<SweepResult.Outcome> cells = new ArrayList<>();
    for (SweepCell cell : grid.cells(() -> TrainingConfig.of("layers.3.attn_out"), 0.99, 0)) {
      double dead = cell.values().get(Axis.INIT).equals("asi") ? 0.2 : 0.5;
      dead /= cell.values().get(Axis.CENTRING).equals("on") ? 4 : 1;
      dead += 0.01 * Integer.parseInt(cell.values().get(Axis.SEED));
      cells.add(
          new SweepResult.Outcome(
              cell,
              new RunResult(
                  10, 10, 0.2 + dead / 9, 1000, 0.1 + dead / 9, 10, 32, dead, 10, 1, 99, 1),
              null));
    }
    return new SweepResult("layers.3.attn_out", "made-up", "made-up.txt", grid, cells);
  }

  private static LossRecovery loss(String... hooks) {
    List<LossRecovery.Curve> curves = new ArrayList<>();
    for (String hook : hooks) {
      double bend = hook.endsWith("attn_out") ? 3 : 1.2;
      List<LossRecovery.Point> points = new ArrayList<>();
      for (int k : new int[] {6, 12, 24, 48, 96, 144, 192, 240, 288, 336, 360, 384}) {
        double recovered = 1 - Math.pow(1 - k / 384.0, bend);
        points.add(new LossRecovery.Point(k, k / 384.0, 5.1 - 1.9 * recovered, recovered));
      }
      curves.add(new LossRecovery.Curve(hook, 384, 5.1, points));
    }
    return new LossRecovery("made-up-6x384", "made-up.txt", 20_000, 1, 3.2, curves);
  }

  /** SVG shapes by chart, as the page counted them once each chart had finished. */
  private static Map<String, Integer> drawn(String dom) {
    Map<String, Integer> found = new TreeMap<>();
    for (Matcher chart = CHART.matcher(dom); chart.find(); ) {
      Matcher id = Pattern.compile(" id=\"([^\"]+)\"").matcher(chart.group());
      Matcher shapes = Pattern.compile(" data-drawn=\"(\\d+)\"").matcher(chart.group());
      assertThat(id.find()).isTrue();
      found.put(id.group(1), shapes.find() ? Integer.parseInt(shapes.group(1)) : 0);
    }
    return found;
  }
}
