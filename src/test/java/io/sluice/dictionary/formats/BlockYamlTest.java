package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockYamlTest {
  @Test
  void readsMappingsAndListsByIndentation() throws IOException {
    String read =
        BlockYaml.read(
                """
                ---
                # A registry.
                gemma-scope-2b-pt-res:   # with a comment
                  conversion_func: gemma_2
                  repo_id: "google/gemma-scope-2b-pt-res"
                  saes:
                  - id: layer_0/width_16k/average_l0_105
                    path: layer_0/width_16k/average_l0_105
                    l0: 105
                    share: -1.5e2
                  -   id: 'it''s # no comment'
                      deep:
                          - a
                          -
                            - b
                            - 7
                      none:
                  plain: hf://owner/name:tag
                  "quoted key": yes
                empty: []
                also: {}
                flag: true
                nothing: null
                off: ~
                """)
            .toString();
    String expected =
        """
        {"gemma-scope-2b-pt-res":{"conversion_func":"gemma_2",
        "repo_id":"google/gemma-scope-2b-pt-res",
        "saes":[{"id":"layer_0/width_16k/average_l0_105","path":"layer_0/width_16k/average_l0_105",
        "l0":105,"share":-150.0},
        {"id":"it's # no comment","deep":["a",["b",7]],"none":null}],
        "plain":"hf://owner/name:tag","quoted key":"yes"},
        "empty":[],"also":{},"flag":true,"nothing":null,"off":null}
        """;
    assertThat(new ObjectMapper().readTree(read)).isEqualTo(new ObjectMapper().readTree(expected));
    assertThat(BlockYaml.read("# nothing\n").isNull()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a: 1\nb: !!python/object:os.system x",
        "a: &x 1",
        "b: *x",
        "a: [1, 2]",
        "a: {b: 1}",
        "a: |\n  text",
        "a: >\n  text",
        "a: 1\na: 2",
        "a: 1\n  b: 2",
        "a:\n    b: 1\n  c: 2",
        "a: 'open",
        "a: \"a\\n\"",
        "a: b: c",
        "a: 1\njust text",
        "- a\nb: 1",
        "? a\n: b",
        "a: @x",
      })
  void refusesAllElseByItsLine(String document) {
    assertThatThrownBy(() -> BlockYaml.read(document))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("line ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void longLinesTakeNoLonger() throws IOException {
    String spaces = " ".repeat(2_000_000);
    assertThat(BlockYaml.read("a: b" + spaces + "c").get("a").textValue()).hasSize(2_000_002);
    assertThat(BlockYaml.read("a" + spaces + "b").isTextual()).isTrue();
  }

  @Test
  void refusesWhatIsTooDeep() {
    StringBuilder deep = new StringBuilder();
    IntStream.range(0, 5000).forEach(i -> deep.append("- "));
    assertThatThrownBy(() -> BlockYaml.read(deep + "x"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("deeper than 32");
  }
}
