package io.sluice.model.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Chat templates of models against what transformers makes of them. */
@Tag("slow")
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ChatTemplateTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/chat");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String HELLO = "[{\"role\": \"user\", \"content\": \"hello\"}]";

  @TempDir private Path folder;

  @Test
  void rendersTheTemplatesOfModelsAsTransformersDoes() throws IOException {
    List<String> refused = compare("models.json");
    assertThat(refused).isEmpty();
  }

  @Test
  void rendersEachConstructAsTransformersDoesOrRefusesItByName() throws IOException {
    assertThat(compare("constructs.json"))
        .containsExactly(
            "an integer / an integer",
            "the filter capitalize",
            "a text * an integer",
            "a list as text",
            "the tag raw");
  }

  /** What is not rendered for a construct; anything else has to be the same. */
  private List<String> compare(String name) throws IOException {
    JsonNode golden = JSON.readTree(GOLDEN.resolve(name).toFile());
    List<String> refused = new ArrayList<>();
    int compared = 0;
    for (JsonNode each : golden.path("templates")) {
      ObjectNode config = JSON.createObjectNode();
      config.setAll((ObjectNode) golden.path("tokens"));
      config.set("chat_template", each.path("template"));
      for (Map.Entry<String, JsonNode> talk : golden.path("conversations").properties()) {
        String place = each.path("name").asText() + ", " + talk.getKey();
        JsonNode expected = each.path("rendered").path(talk.getKey());
        String rendered;
        try {
          rendered = template(config).render(talk.getValue().toString());
        } catch (BadConversation e) {
          assertThat(expected.has("error")).as("%s: %s", place, e.getMessage()).isTrue();
          continue;
        } catch (IOException e) {
          if (expected.has("error")) {
            continue;
          }
          String message = e.getMessage();
          assertThat(message)
              .contains(": its chat template uses ", ", which is not supported; give");
          refused.add(
              message.substring(
                  message.indexOf(" uses ") + 6, message.indexOf(", which is not supported")));
          continue;
        }
        assertThat(rendered).as(place).isEqualTo(expected.path("text").asText(null));
        compared++;
      }
    }
    assertThat(compared).isGreaterThan(80);
    return refused;
  }

  @Test
  void findsTheTemplateThatTransformersFinds() throws IOException, BadConversation {
    ObjectNode config = JSON.createObjectNode();
    config.putNull("bos_token");
    config.putObject("eos_token").put("content", "<end>");
    ObjectNode first = config.putArray("chat_template").addObject();
    first.put("name", "tool_use").put("template", "tools");
    assertThatThrownBy(() -> template(config))
        .hasMessageContaining("has several chat templates, of which none is called default");
    ((ArrayNode) config.path("chat_template"))
        .addObject()
        .put("name", "default")
        .put("template", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}");
    assertThat(render(config)).isEqualTo("hello<end>");
    Path jinja = Files.writeString(folder.resolve("chat_template.jinja"), "[{{ eos_token }}]\n");
    assertThat(render(config)).isEqualTo("[<end>]");
    assertThat(ChatTemplate.of(folder.resolve("tokenizer.json")).file()).isEqualTo(jinja);
    Files.delete(jinja);
    config.remove("chat_template");
    assertThatThrownBy(() -> template(config))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("tokenizer_config.json: has no chat_template, and there is no chat_");
  }

  @Test
  void writesDatesAsPythonDoes() throws IOException, BadConversation {
    JsonNode golden = JSON.readTree(GOLDEN.resolve("dates.json").toFile());
    assertThat(golden.size()).isGreaterThan(50);
    for (JsonNode each : golden) {
      ObjectNode config = JSON.createObjectNode();
      config.set("chat_template", each.path("template"));
      LocalDate day = LocalDate.parse(each.path("day").textValue());
      assertThat(template(config).on(day).render(HELLO)).isEqualTo(each.path("text").textValue());
    }
    for (String format : List.of("%c", "%Z", "%s", "%", "%-", "%-A", "%5d", "%e")) {
      ObjectNode config =
          JSON.createObjectNode().put("chat_template", "{{ strftime_now('" + format + "') }}");
      assertThatThrownBy(() -> template(config).on(LocalDate.EPOCH).render(HELLO))
          .hasMessageContaining("of strftime_now, which is not supported");
    }
  }

  @Test
  void refusesByNameWhatItCannotKnow() throws IOException {
    ObjectNode config = JSON.createObjectNode().put("eos_token", "</s>");
    refuses(config, "{{ bos_token }}", "the token bos_token, of which the files say nothing");
    refuses(
        config,
        "{{ strftime_now('%Y') }}",
        "the function strftime_now without a date (--chat-date)");
    refuses(config, "{% include 'x' %}", "the tag include");
    refuses(config, "{{ 'x' | xmlattr }}", "the filter xmlattr");
    refuses(config, "{{ 'x' is lower }}", "the test lower");
    refuses(config, "{{ 'x'.format(1) }}", "the method format of texts");
    refuses(config, "{{ messages[0].__class__ }}", "the field __class__");
    refuses(config, "{{ messages.append(1) }}", "the field append of a list");
    refuses(
        config,
        "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
        "more than 50000000 steps");
    refuses(config, "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "macros 30 deep");
    refuses(
        config, "{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}", "expressions 60 deep");
    refuses(config, "{% if x %}".repeat(5000), "statements 60 deep");
    refuses(config, "{{ x" + ".a".repeat(100_000) + " }}", "an expression of more than 1000 parts");
    refuses(config, "{{ " + "- ".repeat(100_000) + "1 }}", "an expression of more than 1000 parts");
    refuses(
        config,
        "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "more than 50000000 steps");
    refuses(
        config,
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "more than 50000000 steps");
    for (String damaged :
        List.of("{{ 1", "{% if %}", "{% if true %}", "{{ 'x }}", "{# x", "{{ }}")) {
      config.put("chat_template", damaged);
      assertThatThrownBy(() -> template(config))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("its chat template ");
    }
  }

  private void refuses(ObjectNode config, String template, String construct) {
    config.put("chat_template", template);
    assertThatThrownBy(() -> render(config))
        .as(template)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("tokenizer_config.json: its chat template uses " + construct);
  }

  @Test
  void aConversationThatDoesNotFitIsNotTheTemplatesFault() throws IOException {
    ObjectNode config = JSON.createObjectNode();
    config.put("chat_template", "{{ raise_exception('roles must\nalternate') }}");
    assertThatThrownBy(() -> render(config))
        .isInstanceOf(BadConversation.class)
        .hasMessage("is refused by the chat template: roles must\\u000aalternate");
    config.put("chat_template", "{{ messages[0].content + messages[0].name }}");
    assertThatThrownBy(() -> render(config))
        .isInstanceOf(BadConversation.class)
        .hasMessageContaining(
            "does not fit the chat template, which calculates a text + the undef");
    ChatTemplate template = template(config);
    for (String bad :
        List.of("[]", "[1]", "[{\"content\": \"x\"}]", "[{\"role\": 1}]", "{}", "[")) {
      assertThatThrownBy(() -> template.render(bad)).isInstanceOf(BadConversation.class);
    }
  }

  @Tag("fuzz")
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damagedTemplatesEndInALine() throws IOException {
    JsonNode golden = JSON.readTree(GOLDEN.resolve("models.json").toFile());
    Random random = new Random(Seeds.seed());
    ObjectNode config = JSON.createObjectNode();
    config.setAll((ObjectNode) golden.path("tokens"));
    int rendered = 0;
    for (int i = 0; i < Integer.getInteger("sluice.mutations", 3000); i++) {
      JsonNode templates = golden.path("templates");
      String good = templates.get(random.nextInt(templates.size())).path("template").asText();
      StringBuilder damaged = new StringBuilder(good);
      for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
        int from = random.nextInt(damaged.length());
        int to = Math.min(damaged.length(), from + random.nextInt(12));
        int other = random.nextInt(good.length());
        damaged.replace(
            from, to, good.substring(other, Math.min(good.length(), other + random.nextInt(12))));
      }
      config.put("chat_template", damaged.toString());
      try {
        render(config);
        rendered++;
      } catch (BadConversation | IOException e) {
        assertThat(e.getMessage()).as(damaged.toString()).doesNotContain("\n").isNotEmpty();
      }
    }
    assertThat(rendered).isPositive();
  }

  private String render(ObjectNode config) throws IOException, BadConversation {
    return template(config).render(HELLO);
  }

  private ChatTemplate template(ObjectNode config) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), config.toString());
    return ChatTemplate.of(folder.resolve("tokenizer.json"));
  }
}
