package io.sluice.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.sluice.files.Quoted;
import io.sluice.files.StrictJson;
import io.sluice.memory.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file, read as untrusted input.
 *
 * @param valuesOffset the offset of the values in the file
 * @param tensors each tensor with its place, in the header's order
 * @param unreadable the element type of each tensor that is of none that Sluice reads
 * @param metadata the header's text entries
 */
record SafetensorsHeader(
    long valuesOffset,
    Map<String, Placed> tensors,
    Map<String, String> unreadable,
    Map<String, String> metadata) {
  /** Bytes of the length that comes before the header. */
  static final int PREFIX = 8;

  /** The longest header; the reference implementation has the same limit. */
  static final long MAX_LENGTH = 100_000_000;

  static final String METADATA = "__metadata__";

  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final JsonFactory JSON =
      StrictJson.factory(
          StreamReadConstraints.builder()
              .maxNestingDepth(4)
              .maxNumberLength(32)
              .maxNameLength(1 << 16)
              .maxStringLength((int) MAX_LENGTH)
              .build());

  /**
   * A tensor and where its values are.
   *
   * @param info name, element type and shape
   * @param begin offset of the first byte, from {@link #valuesOffset()}
   */
  record Placed(TensorInfo info, long begin) {
    long end() {
      return begin + info.byteSize();
    }
  }

  static SafetensorsHeader parse(Path path, MemorySegment file) throws IOException {
    long size = file.byteSize();
    if (size < PREFIX + 2) {
      throw BadFile.damaged(path, size + " bytes are too few for a safetensors file");
    }
    long length = file.get(LENGTH, 0);
    if (length < 2 || length > MAX_LENGTH) {
      throw BadFile.because(
          path,
          "header length " + Long.toUnsignedString(length) + " is outside 2 to " + MAX_LENGTH,
          "it is damaged or not a safetensors file");
    }
    if (length > size - PREFIX) {
      throw BadFile.damaged(path, "header of " + length + " bytes in a file of " + size + " bytes");
    }
    if (file.get(ValueLayout.JAVA_BYTE, PREFIX) != '{') {
      throw BadFile.because(
          path, "header does not begin with '{'", "it is damaged or not a safetensors file");
    }
    CharBuffer text;
    try {
      text =
          StandardCharsets.UTF_8.newDecoder().decode(file.asSlice(PREFIX, length).asByteBuffer());
    } catch (CharacterCodingException e) {
      throw BadFile.damaged(path, "header is not UTF-8");
    }
    try (JsonParser json = JSON.createParser(text.array(), text.arrayOffset(), text.remaining())) {
      return new Reading(path, json, size - PREFIX - length).header(PREFIX + length);
    } catch (JsonProcessingException e) {
      throw BadFile.damaged(path, "header is not valid JSON: " + StrictJson.reason(e));
    }
  }

  /** The error for a tensor of a type that Sluice does not read. */
  IOException isUnreadable(Path path, String name) {
    return BadFile.because(
        path,
        "tensor " + Quoted.of(name) + " has element type " + Quoted.of(unreadable.get(name)),
        "Sluice reads " + Arrays.toString(DType.values()));
  }

  /** The bytes of one tensor, from the beginning of the values. */
  private record Span(String name, long begin, long end) {}

  /** One pass over the header's JSON. */
  private record Reading(Path path, JsonParser json, long valueBytes) {
    SafetensorsHeader header(long valuesOffset) throws IOException {
      Map<String, Placed> tensors = new LinkedHashMap<>();
      Map<String, String> unreadable = new LinkedHashMap<>();
      List<Span> spans = new ArrayList<>();
      Map<String, String> metadata = new LinkedHashMap<>();
      expect(JsonToken.START_OBJECT, "the header");
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        if (name.equals(METADATA)) {
          readMetadata(metadata);
        } else {
          spans.add(tensor(name, tensors, unreadable));
        }
      }
      if (json.nextToken() != null) {
        throw BadFile.damaged(path, "there is more after the header's closing brace");
      }
      checkCover(spans);
      return new SafetensorsHeader(
          valuesOffset,
          Collections.unmodifiableMap(tensors),
          Collections.unmodifiableMap(unreadable),
          Collections.unmodifiableMap(metadata));
    }

    private void readMetadata(Map<String, String> metadata) throws IOException {
      expect(JsonToken.START_OBJECT, METADATA);
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String key = json.currentName();
        expect(JsonToken.VALUE_STRING, METADATA + " " + Quoted.of(key));
        metadata.put(key, json.getText());
      }
    }

    private Span tensor(String name, Map<String, Placed> tensors, Map<String, String> unreadable)
        throws IOException {
      String what = "tensor " + Quoted.of(name);
      String type = null;
      long[] shape = null;
      long[] offsets = null;
      expect(JsonToken.START_OBJECT, what);
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String field = json.currentName();
        switch (field) {
          case "dtype" -> {
            expect(JsonToken.VALUE_STRING, what + " dtype");
            type = json.getText();
          }
          case "shape" -> shape = numbers(what + " shape", TensorInfo.MAX_DIMENSIONS);
          case "data_offsets" -> offsets = numbers(what + " data_offsets", 2);
          default -> throw BadFile.damaged(path, what + " has unknown field " + Quoted.of(field));
        }
      }
      if (type == null || shape == null || offsets == null || offsets.length != 2) {
        throw BadFile.damaged(path, what + " lacks dtype, shape or two data_offsets");
      }
      long begin = offsets[0];
      long end = offsets[1];
      if (begin > end || end > valueBytes) {
        throw BadFile.damaged(
            path, what + " is at bytes " + begin + " to " + end + " of " + valueBytes);
      }
      DType dtype = dtype(type);
      if (dtype == null) {
        unreadable.put(name, type);
        return new Span(name, begin, end);
      }
      TensorInfo info;
      try {
        info = new TensorInfo(name, dtype, shape);
      } catch (IllegalArgumentException e) {
        throw BadFile.damaged(path, what + ": " + e.getMessage());
      }
      if (end - begin != info.byteSize()) {
        throw BadFile.damaged(
            path,
            what
                + " has "
                + (end - begin)
                + " bytes, but "
                + dtype.label()
                + " "
                + info.shapeText()
                + " takes "
                + info.byteSize());
      }
      tensors.put(name, new Placed(info, begin));
      return new Span(name, begin, end);
    }

    private long[] numbers(String what, int most) throws IOException {
      long[] numbers = new long[most];
      int count = 0;
      expect(JsonToken.START_ARRAY, what);
      while (json.nextToken() == JsonToken.VALUE_NUMBER_INT) {
        if (count == most) {
          throw BadFile.damaged(path, what + " has more than " + most + " numbers");
        }
        long number = json.getLongValue();
        if (number < 0) {
          throw BadFile.damaged(path, what + " has the negative number " + number);
        }
        numbers[count++] = number;
      }
      if (json.currentToken() != JsonToken.END_ARRAY) {
        throw BadFile.damaged(path, what + " is not a list of whole numbers");
      }
      return Arrays.copyOf(numbers, count);
    }

    private void expect(JsonToken token, String what) throws IOException {
      if (json.nextToken() != token) {
        throw BadFile.damaged(
            path, what + " has " + json.currentToken() + " where " + token + " is expected");
      }
    }

    /** Checks that every byte of the values belongs to exactly one tensor. */
    private void checkCover(List<Span> tensors) throws IOException {
      tensors.sort(Comparator.comparingLong(Span::begin).thenComparingLong(Span::end));
      long covered = 0;
      for (Span tensor : tensors) {
        if (tensor.begin() != covered) {
          throw BadFile.damaged(
              path,
              "tensor "
                  + Quoted.of(tensor.name())
                  + " begins at byte "
                  + tensor.begin()
                  + ", but the values before it end at "
                  + covered);
        }
        covered = tensor.end();
      }
      if (covered != valueBytes) {
        throw BadFile.damaged(
            path,
            "the header describes " + covered + " bytes of values, the file has " + valueBytes);
      }
    }
  }

  /** The format's name of an element type is that of the constant in {@link DType}. */
  private static DType dtype(String label) {
    for (DType dtype : DType.values()) {
      if (dtype.name().equals(label)) {
        return dtype;
      }
    }
    return null;
  }
}
