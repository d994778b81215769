package io.sluice.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.ThreadMXBean;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import io.sluice.tokenizer.description.TokenizerException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Descriptions of tokenizers that are well-formed and wrong: fields removed, of other types, at
 * their extremes, parts of one tokenizer in another, chains of what makes texts longer. Each is
 * refused by one line, or encodes and decodes hostile texts, or refuses them by one line, in
 * bounded time and memory. All of it is Java, so that it needs no process of its own: nothing here
 * can end this one.
 *
 * <p>How many there are is the system property {@code sluice.mutations}, as in {@code make fuzz}.
 */
@Tag("fuzz")
class TokenizerFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 400);
  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");

  /** Of the thread's own time, so that a busy machine makes nothing fail. */
  private static final long SLOWEST_NANOS = TimeUnit.SECONDS.toNanos(20);

  /** Normalised texts have up to twenty times the characters, each step makes one more of them. */
  private static final long MOST_BYTES = 1L << 30;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static final String[] STRINGS = {
    "",
    " ",
    "▁",
    "a",
    "e",
    "##",
    "</w>",
    "\0",
    "\uD83D\uDC0B",
    "\u0301",
    "hell",
    "hello",
    "(a+)+$",
    "(a|a)*b",
    "(?:a?){9}(?:a|a|){9}x",
    "(?=a)",
    "(?:)",
    "(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?:|)(?!)",
    "(?:(?:a{9}){9}){9}",
    "[^\\W\\s]*",
    "\\p{L}{2,3}+",
    "\\",
    "[",
    "(?<=a*)b",
    "e".repeat(1000),
    "a".repeat(100_000),
    "Removed",
    "MergedWithNext",
    "MergedWithPrevious",
    "Contiguous",
    "first",
    "never",
    "unk",
    "<0x0A>"
  };

  private static final String[] PARTS = {
    "{'type':'Replace','pattern':{'String':'e'},'content':'eeeeeeeeeeeeeeee'}",
    "{'type':'Replace','pattern':{'Regex':'.'},'content':'\u1e9b\u0323\u1e9b\u0323'}",
    "{'type':'Replace','pattern':{'Regex':'(?:)'},'content':'b'}",
    "{'type':'Replace','pattern':{'String':'hell'},'content':''}",
    "{'type':'Split','pattern':{'Regex':'(a+)+$'},'behavior':'Isolated','invert':false}",
    "{'type':'Split','pattern':{'Regex':'(?=[a-z])'},'behavior':'MergedWithNext','invert':true}",
    "{'type':'FixedLength','length':0}",
    "{'type':'FixedLength','length':1}",
    "{'type':'Metaspace','replacement':'\u2581','prepend_scheme':'first','split':true}",
    "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':true,'use_regex':true}",
    "{'type':'Prepend','prepend':'abcabc'}",
    "{'type':'Strip','strip_left':true,'strip_right':true}",
    "{'type':'Strip','content':'a','start':1000000,'stop':1000000}",
    "{'type':'NFKD'}",
    "{'type':'Nmt'}",
    "{'type':'Precompiled','precompiled_charsmap':''}",
    "{'type':'Precompiled','precompiled_charsmap':'AAAA'}",
    "{'type':'BPEDecoder','suffix':''}",
    "{'type':'CTC','pad_token':'','word_delimiter_token':'','cleanup':true}",
    "{'type':'UnicodeScripts'}",
    "{'id':0,'content':'a','single_word':true,'lstrip':true,'rstrip':true,'normalized':true,'special':true}",
    "{'type':'Sequence'}"
  };

  private final ObjectMapper json =
      new ObjectMapper().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void isRefusedOrEncodes() throws IOException {
    List<JsonNode> originals = new ArrayList<>();
    try (Stream<Path> files = Files.list(GOLDEN)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).sorted().toList()) {
        if (!file.endsWith("layouts.json")) {
          originals.add(json.readTree(file.toFile()));
        }
      }
    }
    List<String> texts = texts();
    Random random = new Random(Seeds.seed());
    int encoded = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      JsonNode root = originals.get(random.nextInt(originals.size())).deepCopy();
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        mutate(root, originals, random);
      }
      long bytes = THREADS.getCurrentThreadAllocatedBytes();
      long start = THREADS.getCurrentThreadCpuTime();
      try {
        encoded += run(root, texts) ? 1 : 0;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("mutation " + i + ": " + described(root), e);
      }
      long nanos = THREADS.getCurrentThreadCpuTime() - start;
      bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
      if (nanos > SLOWEST_NANOS || bytes > MOST_BYTES) {
        throw new AssertionError(
            "mutation %d took %d ns and %d bytes: %s".formatted(i, nanos, bytes, described(root)));
      }
    }
    System.out.printf("tokenizers: %d of %d encoded%n", encoded, MUTATIONS);
    assertThat(encoded).isBetween(MUTATIONS / 20, MUTATIONS - MUTATIONS / 20);
  }

  /** Whether it is a tokenizer, and encodes every text. */
  private static boolean run(JsonNode root, List<String> texts) {
    TextTokenizer tokenizer;
    try {
      tokenizer = TextTokenizer.read(root);
    } catch (TokenizerException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n", "\r", "\0");
      return false;
    }
    boolean all = true;
    for (String text : texts) {
      try {
        int[] ids = tokenizer.encode(text);
        tokenizer.decode(ids);
      } catch (TokenizerException e) {
        assertThat(e.getMessage()).isNotBlank().doesNotContain("\n", "\r", "\0");
        all = false;
      }
    }
    return all;
  }

  private List<String> texts() throws IOException {
    List<String> texts = new ArrayList<>();
    for (JsonNode layout : json.readTree(GOLDEN.resolve("layouts.json").toFile())) {
      texts.add(WholeDocumentTest.document(layout, 1).substring(0, 1000));
    }
    texts.add("");
    texts.add("a".repeat(3000));
    texts.add(" ".repeat(3000));
    texts.add("\n \t\u00a0".repeat(700) + "x");
    texts.add("e\u0301\u0323\u0302".repeat(500));
    texts.add("\uD800 half \uDC00");
    texts.add("\ufdfa".repeat(500));
    return texts;
  }

  private void mutate(JsonNode root, List<JsonNode> originals, Random random) throws IOException {
    // Mostly what describes, now and then the vocabulary, which is nearly all of a file.
    String[] sections = {"normalizer", "pre_tokenizer", "decoder", "added_tokens", "model"};
    String section = sections[random.nextInt(sections.length)];
    switch (random.nextInt(8)) {
      case 0 -> {
        JsonNode other = originals.get(random.nextInt(originals.size())).get(section);
        ((ObjectNode) root).set(section, other.deepCopy());
        return;
      }
      case 1 -> {
        ((ObjectNode) root).set(section, part(random));
        return;
      }
      case 2 -> {
        String list =
            section.equals("normalizer")
                ? "normalizers"
                : section.equals("decoder") ? "decoders" : "pretokenizers";
        ObjectNode sequence = NODES.objectNode().put("type", "Sequence");
        ArrayNode steps = sequence.putArray(list);
        if (root.path(section).isObject()) {
          steps.add(root.get(section));
        }
        for (int n = random.nextInt(6); n >= 0; n--) {
          steps.add(part(random));
        }
        ((ObjectNode) root).set(section, sequence);
        return;
      }
      default -> {}
    }
    List<Runnable> changes = new ArrayList<>();
    collect(root.path(section), changes, random);
    if (!changes.isEmpty()) {
      changes.get(random.nextInt(changes.size())).run();
    }
  }

  private JsonNode part(Random random) throws IOException {
    return json.readTree(PARTS[random.nextInt(PARTS.length)].replace('\'', '"'));
  }

  /** What could be changed: a few places of a vocabulary, all of the rest. */
  private void collect(JsonNode node, List<Runnable> changes, Random random) {
    if (node instanceof ObjectNode object) {
      List<String> names = new ArrayList<>();
      for (Iterator<String> all = object.fieldNames(); all.hasNext(); ) {
        names.add(all.next());
      }
      boolean few = names.size() < 30;
      for (int i = 0; i < Math.min(names.size(), 30); i++) {
        String name = names.get(few ? i : random.nextInt(names.size()));
        changes.add(() -> object.set(name, changed(object.get(name), random)));
        changes.add(() -> object.remove(name));
        collect(object.path(name), changes, random);
      }
    } else if (node instanceof ArrayNode array && !array.isEmpty()) {
      for (int i = 0; i < Math.min(array.size(), 20); i++) {
        int at = array.size() <= 20 ? i : random.nextInt(array.size());
        changes.add(() -> array.set(at % array.size(), changed(array.get(at), random)));
        changes.add(() -> array.insert(at, array.path(at).deepCopy()));
        collect(array.get(at), changes, random);
      }
    }
  }

  private JsonNode changed(JsonNode value, Random random) {
    if (value.isTextual() && value.textValue().length() > 200 && random.nextInt(4) > 0) {
      byte[] table = Base64.getMimeDecoder().decode(value.textValue());
      return NODES.textNode(Base64.getEncoder().encodeToString(Mutations.mutate(table, random)));
    }
    return switch (random.nextInt(6)) {
      case 0 -> NODES.nullNode();
      case 1 -> NODES.booleanNode(random.nextBoolean());
      case 2 -> {
        long[] numbers = {-1, 0, 1, 2, 100, Integer.MAX_VALUE, 1L << 31, Long.MAX_VALUE};
        yield NODES.numberNode(numbers[random.nextInt(numbers.length)]);
      }
      case 3 -> NODES.numberNode(random.nextBoolean() ? 1e300 : -0.5);
      case 4 -> random.nextBoolean() ? NODES.objectNode() : NODES.arrayNode();
      default -> NODES.textNode(STRINGS[random.nextInt(STRINGS.length)]);
    };
  }

  /** All but the vocabulary. */
  private static String described(JsonNode root) {
    ObjectNode shown = NODES.objectNode();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      String text = entry.getValue().toString();
      shown.put(entry.getKey(), text.length() > 2000 ? text.substring(0, 2000) : text);
    }
    return shown.toString();
  }
}
