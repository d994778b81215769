package io.sluice.testing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Damages JSON in what it says: fields are missing, come twice, are called otherwise, stand
 * elsewhere, and have other types and extreme values. It mostly stays JSON, so that readers get
 * beyond the parser.
 */
public final class JsonMutations {
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

  /** What a value becomes; some are no JSON, but what Python writes. */
  private static final String[] VALUES = {
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "2",
    "7",
    "1.5",
    "-0.0",
    "1e308",
    "1e999",
    "-1e999",
    "5e-324",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "123456789012345678901234567890",
    "NaN",
    "-Infinity",
    "\"\"",
    "\"NaN\"",
    "\"7\"",
    "\"..\"",
    "\"../../etc/passwd\"",
    "\"a\u202eb\"",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[1,-1]",
    "{\"type\":\"topk\",\"k\":2147483647}",
    "{\"type\":{}}"
  };

  private JsonMutations() {}

  /** One document, damaged in one to three places. */
  public static byte[] mutate(byte[] original, Random random) {
    String text = new String(original, StandardCharsets.UTF_8);
    try {
      JsonNode root = JSON.readTree(text);
      // Values that JSON has not are put in as words and taken out of their quotation marks.
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        change(root, random);
      }
      text = JSON.writeValueAsString(root).replaceAll("\"@([^\"@]*)@\"", "$1").replace("''", "\"");
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("no JSON to begin with", e);
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return switch (random.nextInt(40)) {
      case 0 -> Mutations.mutate(bytes, random);
      case 1 -> Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
      case 2 -> "[".repeat(random.nextInt(5000)).getBytes(StandardCharsets.UTF_8);
      default -> bytes;
    };
  }

  private static void change(JsonNode root, Random random) {
    List<JsonNode> containers = new ArrayList<>();
    collect(root, containers);
    JsonNode at = containers.get(random.nextInt(containers.size()));
    if (at instanceof ObjectNode object) {
      changeObject(object, containers, random);
    } else if (at instanceof ArrayNode array) {
      changeArray(array, containers, random);
    }
  }

  private static void changeObject(ObjectNode object, List<JsonNode> others, Random random) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    if (names.isEmpty()) {
      object.put("later", 1);
      return;
    }
    String name = names.get(random.nextInt(names.size()));
    String other = names.get(random.nextInt(names.size()));
    switch (random.nextInt(8)) {
      case 0 -> object.remove(name);
      case 1 -> object.set(other, object.get(name).deepCopy());
      case 2 -> object.set(name + "s", object.remove(name));
      case 3 -> object.set(name, others.get(random.nextInt(others.size())).deepCopy());
      case 4 -> object.set("later", object.get(name).deepCopy());
      default -> object.put(name, value(random));
    }
  }

  private static void changeArray(ArrayNode array, List<JsonNode> others, Random random) {
    switch (random.nextInt(5)) {
      case 0 -> array.removeAll();
      case 1 -> array.add(others.get(random.nextInt(others.size())).deepCopy());
      case 2 -> {
        if (!array.isEmpty()) {
          array.add(array.get(random.nextInt(array.size())).deepCopy());
        }
      }
      default -> {
        if (array.isEmpty()) {
          array.add(value(random));
        } else {
          array.set(random.nextInt(array.size()), TextNode.valueOf(value(random)));
        }
      }
    }
  }

  private static String value(Random random) {
    return "@" + VALUES[random.nextInt(VALUES.length)].replace("\"", "''").replace("\\", "/") + "@";
  }

  private static void collect(JsonNode node, List<JsonNode> into) {
    if (node.isContainerNode() && into.size() < 500) {
      into.add(node);
      node.forEach(each -> collect(each, into));
    }
  }
}
