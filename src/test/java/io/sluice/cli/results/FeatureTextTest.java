package io.sluice.cli.results;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.console.Console;
import io.sluice.features.Feature;
import io.sluice.features.SampleFeature;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class FeatureTextTest {
  @Test
  void withoutColoursTokensAreInBrackets() {
    assertThat(printed(SampleFeature.make(), false, 80))
        .isEqualTo(
            """
            feature 123: fires on 0.042 % of the tokens (42), mean 1.500, max 4.000
            rows: encoder norm 1.250, decoder norm 1.000, cosine of the two 0.800, 93 % in the active subspace
            promotes: ' sea' +2.50
            suppresses: '\\t' -1.25
            heads: 2 90 %, 0 10 %, 1 -5.0 %; biases 5.0 %
            similar: 7 (0.75)

            activations
                     1.00 to 2.00      ######################################## 30
                     2.00 to 4.00       0
                     4.00 to 8.00      ################ 12

            fires most in
               4.000  moby.txt, token 40
                the [white] [[whale]]\\n[\\u001b[31m]\\u202e

            and less in
               0.500  document unknown, token 5
                [<7>]

            [ ] marks tokens on which it fires, [[ ]] those with half of its maximum or more
            """);
  }

  @Test
  void theBackgroundIsDeeperWhereItFiresMore() {
    String shown = printed(SampleFeature.make(), true, 80);
    assertThat(shown)
        .contains(
            "the\u001b[48;5;223;38;5;16m white\u001b[0m\u001b[48;5;202;38;5;16m whale\u001b[0m\\n"
                + "\u001b[48;5;230;38;5;16m\\u001b[31m\u001b[0m\\u202e")
        .doesNotContain("\u202e", "\u001b[31m");
  }

  @Test
  void longContextsAreBrokenBetweenTokens() {
    List<String> lines =
        Arrays.stream(printed(SampleFeature.make(), false, 24).split("\n"))
            .filter(line -> line.startsWith("    ") && !line.contains(" to "))
            .toList();
    assertThat(lines).contains("    the [white]", "     [[whale]]\\n", "    [\\u001b[31m]\\u202e");
  }

  @Test
  void whatIsUnknownIsLeftOut() {
    Feature bare =
        new Feature(
            1, 0, 0, 0, 0, true, List.of(), 1, 1, null, null, List.of(), List.of(), List.of(),
            List.of(), List.of(), null, List.of());
    assertThat(printed(bare, false, 80))
        .isEqualTo(
            """
            feature 1: fires on 0 % of the tokens (0), mean 0.000, max 0.000; dead
            rows: encoder norm 1.000, decoder norm 1.000
            """);
  }

  private static String printed(Feature feature, boolean colours, int columns) {
    StringWriter text = new StringWriter();
    Console console = Console.over(text, new StringWriter());
    new FeatureText(console.out(), colours, columns).print(feature);
    console.out().flush();
    return text.toString();
  }
}
