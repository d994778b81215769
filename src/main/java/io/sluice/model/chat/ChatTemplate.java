package io.sluice.model.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A model's own chat template, which makes one text of a conversation: the text of {@code
 * apply_chat_template} of transformers, without tools and without the beginning of an answer. Its
 * special tokens are in the text, so none are to be added when it is tokenised.
 *
 * <p>Templates are programs in Jinja from strangers. They are interpreted here, with Python's
 * meaning of values and in bounded time and memory. What is not supported is refused by name, when
 * a conversation needs it.
 */
public final class ChatTemplate {
  private static final long MOST = 64 << 20;
  private static final String CONFIG = "tokenizer_config.json";
  private static final String JINJA = "chat_template.jinja";
  private static final String GGUF = "tokenizer.ggml.";
  private static final String REMEDY =
      "; give texts, or token ids that transformers made (--text-as token-ids)";

  /** The names of special tokens in templates, and in GGUF files. */
  private static final Map<String, String> TOKENS =
      Map.of(
          "bos_token", "bos_token_id",
          "eos_token", "eos_token_id",
          "unk_token", "unknown_token_id",
          "sep_token", "seperator_token_id",
          "pad_token", "padding_token_id",
          "cls_token", "cls_token_id",
          "mask_token", "mask_token_id");

  private static final List<String> REASONING =
      List.of("reasoning_content", "thinking", "reasoning");

  private static final JsonMapper JSON =
      StrictJson.pythonMapper(
          StreamReadConstraints.builder().maxStringLength((int) MOST).maxNestingDepth(32).build());

  /** Of a document, whose text may be longer. */
  private static final JsonMapper MESSAGES =
      StrictJson.pythonMapper(
          StreamReadConstraints.builder().maxStringLength(1 << 28).maxNestingDepth(64).build());

  private final Path file;
  private final List<Statement> template;
  private final Map<String, String> tokens;
  private final List<String> usedTokens;

  /** Names of special tokens of which nothing is known. */
  private final Set<String> unknown;

  /** What counts as today; null if nothing does. */
  private final LocalDate today;

  private ChatTemplate(Path file, String template, Map<String, String> tokens, Set<String> unknown)
      throws IOException {
    this.file = file;
    this.tokens = tokens;
    this.unknown = unknown;
    this.today = null;
    this.usedTokens =
        tokens.keySet().stream().filter(template::contains).sorted().map(tokens::get).toList();
    try {
      this.template = TemplateParser.parse(template);
    } catch (TemplateException e) {
      throw unusable(e);
    }
  }

  private ChatTemplate(ChatTemplate other, LocalDate today) {
    this.file = other.file;
    this.template = other.template;
    this.tokens = other.tokens;
    this.usedTokens = other.usedTokens;
    this.unknown = other.unknown;
    this.today = today;
  }

  /**
   * Reads the template of a model. It has no date.
   *
   * @param tokenizer its {@code tokenizer.json}, beside which {@code chat_template.jinja} or {@code
   *     tokenizer_config.json} is, or its GGUF file
   * @throws IOException if there is none, or it cannot be read
   */
  public static ChatTemplate of(Path tokenizer) throws IOException {
    if (tokenizer.getFileName().toString().endsWith(".gguf")) {
      return ofGguf(tokenizer);
    }
    Path config = tokenizer.resolveSibling(CONFIG);
    JsonNode settings = read(config);
    Map<String, String> tokens = new HashMap<>();
    Set<String> unknown = new TreeSet<>(TOKENS.keySet());
    for (JsonNode each :
        List.of(read(tokenizer.resolveSibling("special_tokens_map.json")), settings)) {
      for (String name : TOKENS.keySet()) {
        if (each.has(name)) {
          unknown.remove(name);
          JsonNode token = each.path(name);
          JsonNode text = token.isObject() ? token.path("content") : token;
          tokens.remove(name);
          if (text.isTextual()) {
            tokens.put(name, text.textValue());
          }
        }
      }
    }
    Path jinja = tokenizer.resolveSibling(JINJA);
    if (Files.isRegularFile(jinja)) {
      String text = StrictJson.text(RegularFile.bytes(jinja, MOST));
      return new ChatTemplate(jinja, text, tokens, unknown);
    }
    return new ChatTemplate(config, template(config, settings), tokens, unknown);
  }

  private static JsonNode read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return JSON.createObjectNode();
    }
    try {
      return JSON.readTree(StrictJson.text(RegularFile.bytes(file, MOST)));
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": is not JSON (" + StrictJson.reason(e) + "); fetch it again", e);
    }
  }

  /** The template in a configuration: one, or the one that is called {@code default}. */
  private static String template(Path config, JsonNode settings) throws IOException {
    JsonNode template = settings.path("chat_template");
    if (template.isTextual()) {
      return template.textValue();
    }
    for (JsonNode each : template) {
      if (each.path("name").asText().equals("default") && each.path("template").isTextual()) {
        return each.path("template").textValue();
      }
    }
    throw new IOException(
        config
            + (template.isEmpty()
                ? ": has no chat_template, and there is no " + JINJA + " beside it"
                : ": has several chat templates, of which none is called default")
            + REMEDY);
  }

  private static ChatTemplate ofGguf(Path path) throws IOException {
    GgufMetadata metadata = GgufFile.open(path).metadata();
    if (!metadata.contains("tokenizer.chat_template")) {
      throw new IOException(path + ": has no chat template" + REMEDY);
    }
    List<String> texts = metadata.texts(GGUF + "tokens");
    Map<String, String> tokens = new HashMap<>();
    Set<String> unknown = new TreeSet<>();
    for (Map.Entry<String, String> name : TOKENS.entrySet()) {
      long id = metadata.integer(GGUF + name.getValue(), -1);
      if (id >= 0 && id < texts.size()) {
        tokens.put(name.getKey(), texts.get((int) id));
      } else {
        unknown.add(name.getKey());
      }
    }
    return new ChatTemplate(path, metadata.text("tokenizer.chat_template"), tokens, unknown);
  }

  /** The special tokens that the template names, which have to be tokens of the tokenizer. */
  public List<String> specialTokens() {
    return usedTokens;
  }

  /** The same on a day, for templates that write the date ({@code strftime_now}). */
  public ChatTemplate on(LocalDate day) {
    return new ChatTemplate(this, day);
  }

  /** Where it was read from. */
  public Path file() {
    return file;
  }

  /**
   * The text of a conversation.
   *
   * @param messages a JSON array of objects, each with a {@code role} and other fields
   * @throws BadConversation if they are not messages, or the template does not take them
   * @throws IOException if the template has a construct that is not supported
   */
  public String render(String messages) throws BadConversation, IOException {
    List<Object> values;
    try {
      values = messages(MESSAGES.readTree(messages));
    } catch (JsonProcessingException e) {
      throw new BadConversation("has messages that are not JSON", e);
    }
    try {
      return Rendering.render(template, values, tokens, unknown, today);
    } catch (TemplateException e) {
      if (e.isUnsupported()) {
        throw unusable(e);
      }
      throw new BadConversation(
          e.isRaised()
              ? "is refused by the chat template: " + Quoted.line(e.getMessage(), 200)
              : "does not fit the chat template, which " + Quoted.line(e.getMessage(), 200),
          e);
    }
  }

  /** Messages as transformers gives them to a template: without fields that are null. */
  private static List<Object> messages(JsonNode array) throws BadConversation {
    List<Object> messages = new ArrayList<>();
    for (JsonNode each : array) {
      if (!each.isObject() || !each.path("role").isTextual()) {
        throw new BadConversation("has a message without a role", null);
      }
      Map<String, Object> message = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> field : each.properties()) {
        if (!field.getValue().isNull()) {
          message.put(field.getKey(), value(field.getValue()));
        }
      }
      messages.add(withReasoning(message));
    }
    if (messages.isEmpty()) {
      throw new BadConversation("has no messages", null);
    }
    return messages;
  }

  /** What a model thought is given under several names, as transformers does. */
  private static Map<String, Object> withReasoning(Map<String, Object> message) {
    for (String name : REASONING) {
      if (message.containsKey(name)) {
        Map<String, Object> named = new LinkedHashMap<>();
        named.put("thinking", message.get(name));
        named.putAll(message);
        named.put("reasoning_content", message.get(name));
        return named;
      }
    }
    return message;
  }

  private static Object value(JsonNode node) throws BadConversation {
    switch (node.getNodeType()) {
      case STRING -> {
        return node.textValue();
      }
      case BOOLEAN -> {
        return node.booleanValue();
      }
      case NULL -> {
        return Python.NONE;
      }
      case ARRAY -> {
        List<Object> items = new ArrayList<>();
        for (JsonNode item : node) {
          items.add(value(item));
        }
        return items;
      }
      case OBJECT -> {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : node.properties()) {
          fields.put(field.getKey(), value(field.getValue()));
        }
        return fields;
      }
      default -> {
        if (node.isIntegralNumber() && node.canConvertToLong()) {
          return node.longValue();
        }
        throw new BadConversation("has a fraction in a message, which templates do not get", null);
      }
    }
  }

  private IOException unusable(TemplateException e) {
    return new IOException(
        file + ": its chat template " + Quoted.line(e.getMessage(), 300) + REMEDY, e);
  }
}
