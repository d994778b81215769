package io.sluice.files;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The fields of a JSON file that Sluice wrote. The reader of a field states its type, its range,
 * and whether it may be missing. Any other value is an {@code IOException} of one line that names
 * the file, the field and what to do. Nothing is converted: a number in quotation marks is not a
 * number.
 *
 * <p>A nested object is another {@code Fields}, whose fields are named by their whole path, for
 * instance {@code activation.k} or {@code cells[3].config}.
 */
public final class Fields {
  /** Far above the size of any such file: a limit for the memory of a damaged one. */
  private static final long MOST_BYTES = 64L << 20;

  private static final int LONGEST = 80;
  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());

  private final String file;
  private final String place;
  private final JsonNode json;
  private final String remedy;
  private final Set<String> known = new HashSet<>();

  /** Builds an object from fields. */
  public interface Building<T> {
    /**
     * Builds the object.
     *
     * @throws IllegalArgumentException if the fields do not fit together
     * @throws IOException if a field is missing, of another type or out of range
     */
    T build() throws IOException;
  }

  private Fields(String file, String place, JsonNode json, String remedy) {
    this.file = file;
    this.place = place;
    this.json = json;
    this.remedy = remedy;
  }

  /**
   * Reads a file.
   *
   * @param format the required value of its field {@code format}
   * @param remedy what to do about a damaged file, as the end of a sentence: {@code restore it}
   * @throws IOException if it is missing, not a file, empty, too long, not JSON or of another
   *     format
   */
  public static Fields read(Path file, String format, String remedy) throws IOException {
    return read(file, format, remedy, MOST_BYTES);
  }

  /**
   * Reads a file of at most {@code mostBytes}; see {@link #read(Path, String, String)}.
   *
   * @throws IOException if it cannot be used
   */
  public static Fields read(Path file, String format, String remedy, long mostBytes)
      throws IOException {
    Fields fields = parse(file.toString(), text(file, remedy, mostBytes), remedy);
    String found = fields.text("format");
    if (!found.equals(format)) {
      throw fields.damaged(
          "format is " + Quoted.of(found) + ", this version reads '" + format + "'");
    }
    return fields;
  }

  /**
   * Reads a JSON text that is part of another file.
   *
   * @param file the name for messages
   * @throws IOException if it is not a JSON object
   */
  public static Fields parse(String file, String text, String remedy) throws IOException {
    JsonNode json;
    try {
      json = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": is not valid JSON: " + StrictJson.reason(e) + "; " + remedy, e);
    }
    return of(file, json, remedy);
  }

  /**
   * The fields of a parsed object.
   *
   * @param file the name for messages
   * @throws IOException if it is not an object
   */
  public static Fields of(String file, JsonNode json, String remedy) throws IOException {
    if (json == null || !json.isObject()) {
      throw new IOException(file + ": is not a JSON object; " + remedy);
    }
    return new Fields(file, "", json, remedy);
  }

  /** The text of a regular file of limited length. */
  static String text(Path file, String remedy, long mostBytes) throws IOException {
    if (!Files.exists(file)) {
      throw new java.nio.file.NoSuchFileException(file + ": no such file; " + remedy);
    }
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is not a file; " + remedy);
    }
    RegularFile.require(file);
    if (!Files.isReadable(file)) {
      throw new IOException(file + ": may not be read; change its permissions");
    }
    long bytes = Files.size(file);
    if (bytes == 0 || bytes > mostBytes) {
      throw new IOException(
          file
              + (bytes == 0
                  ? ": is empty; "
                  : ": has " + bytes + " bytes, at most " + mostBytes + " are read; ")
              + remedy);
    }
    try {
      return StrictJson.text(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": " + StrictJson.reason(e) + "; " + remedy, e);
    }
  }

  /** The object itself. */
  public JsonNode json() {
    return json;
  }

  /** Whether a field exists and is not null. */
  public boolean has(String name) {
    known.add(name);
    return json.hasNonNull(name);
  }

  /** A text. */
  public String text(String name) throws IOException {
    JsonNode value = value(name);
    if (!value.isTextual()) {
      throw wrong(name, value, "a text");
    }
    return value.textValue();
  }

  /** A text, or {@code otherwise} if it is missing. */
  public String text(String name, String otherwise) throws IOException {
    return has(name) ? text(name) : otherwise;
  }

  /** A whole number from {@code least} to {@code most}, or {@code otherwise}. */
  public int integer(String name, int least, int most, int otherwise) throws IOException {
    return has(name) ? integer(name, least, most) : otherwise;
  }

  /** A whole number from {@code least} to {@code most}, or {@code otherwise}. */
  public long whole(String name, long least, long most, long otherwise) throws IOException {
    return has(name) ? whole(name, least, most) : otherwise;
  }

  /** A finite number, or {@code otherwise}. */
  public double real(String name, double otherwise) throws IOException {
    return has(name) ? real(name) : otherwise;
  }

  /** A finite number. */
  public double real(String name) throws IOException {
    return real(name, -Double.MAX_VALUE, Double.MAX_VALUE);
  }

  /** True or false, or {@code otherwise}. */
  public boolean flag(String name, boolean otherwise) throws IOException {
    return has(name) ? flag(name) : otherwise;
  }

  /** A whole number from {@code least} to {@code most}. */
  public int integer(String name, int least, int most) throws IOException {
    return (int) whole(name, least, most);
  }

  /** A whole number from {@code least} to {@code most}. */
  public long whole(String name, long least, long most) throws IOException {
    return whole(name, value(name), least, most);
  }

  /** A finite number from {@code least} to {@code most}. */
  public double real(String name, double least, double most) throws IOException {
    return real(name, value(name), least, most);
  }

  /** True or false. */
  public boolean flag(String name) throws IOException {
    JsonNode value = value(name);
    if (!value.isBoolean()) {
      throw wrong(name, value, "true or false");
    }
    return value.booleanValue();
  }

  /** The object of that name. */
  public Fields object(String name) throws IOException {
    JsonNode value = value(name);
    if (!value.isObject()) {
      throw wrong(name, value, "an object");
    }
    return new Fields(file, path(name) + ".", value, remedy);
  }

  /** A list of objects; it may be empty. */
  public List<Fields> objects(String name) throws IOException {
    List<Fields> objects = new ArrayList<>();
    for (JsonNode each : list(name)) {
      String at = name + "[" + objects.size() + "]";
      if (!each.isObject()) {
        throw wrong(at, each, "an object");
      }
      objects.add(new Fields(file, path(at) + ".", each, remedy));
    }
    return objects;
  }

  /** A list of texts; it may be empty. */
  public List<String> texts(String name) throws IOException {
    List<String> texts = new ArrayList<>();
    for (JsonNode each : list(name)) {
      if (!each.isTextual()) {
        throw wrong(name + "[" + texts.size() + "]", each, "a text");
      }
      texts.add(each.textValue());
    }
    return texts;
  }

  /** A list of whole numbers from {@code least} to {@code most}; it may be empty. */
  public List<Integer> integers(String name, int least, int most) throws IOException {
    List<Integer> numbers = new ArrayList<>();
    for (JsonNode each : list(name)) {
      numbers.add((int) whole(name + "[" + numbers.size() + "]", each, least, most));
    }
    return numbers;
  }

  /** A list of finite numbers from {@code least} to {@code most}; it may be empty. */
  public double[] reals(String name, double least, double most) throws IOException {
    JsonNode list = list(name);
    double[] numbers = new double[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = real(name + "[" + i + "]", list.get(i), least, most);
    }
    return numbers;
  }

  /** The names of the fields, in their order. */
  public List<String> names() {
    List<String> names = new ArrayList<>();
    json.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /**
   * All fields as a record, as Jackson writes one: a component of a primitive type must be there
   * (unless its {@code @JsonProperty} has the default value 0), one that is an object may be
   * missing or null and is null then. Components are numbers, texts, {@code boolean}s, records,
   * arrays and lists of these.
   *
   * @throws IOException if a field is missing or of another type, or the record refuses the values
   */
  public <T extends Record> T record(Class<T> type) throws IOException {
    return RecordFields.read(this, type);
  }

  /**
   * Builds an object from fields; an {@code IllegalArgumentException} is reported as an error of
   * the file.
   *
   * @throws IOException in place of an {@code IllegalArgumentException}, with the file's name
   */
  public <T> T build(Building<T> building) throws IOException {
    try {
      return building.build();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw damaged(e.getMessage() == null ? "is inconsistent" : e.getMessage());
    }
  }

  /**
   * Refuses fields that were not read: they may be of a later version and change the meaning of
   * others.
   */
  public void requireNoOthers() throws IOException {
    for (String name : names()) {
      if (!known.contains(name)) {
        throw damaged("this version has no field " + quoted(path(name)));
      }
    }
  }

  /** The error of a damaged file. */
  public IOException damaged(String what) {
    String where = place.isEmpty() ? "" : quoted(place.substring(0, place.length() - 1)) + ": ";
    return new IOException(file + ": " + where + Quoted.line(what, 4 * LONGEST) + "; " + remedy);
  }

  IOException wrong(String name, JsonNode value, String wanted) {
    String shown =
        value.isTextual()
            ? Quoted.of(value.textValue(), LONGEST)
            : Quoted.line(value.toString(), LONGEST);
    return new IOException(
        file + ": " + quoted(path(name)) + " is " + shown + ", not " + wanted + "; " + remedy);
  }

  private JsonNode list(String name) throws IOException {
    JsonNode value = value(name);
    if (!value.isArray()) {
      throw wrong(name, value, "a list");
    }
    return value;
  }

  JsonNode value(String name) throws IOException {
    known.add(name);
    JsonNode value = json.get(name);
    if (value == null) {
      throw new IOException(file + ": " + quoted(path(name)) + " is missing; " + remedy);
    }
    return value;
  }

  long whole(String name, JsonNode value, long least, long most) throws IOException {
    if (!value.isIntegralNumber()
        || !value.canConvertToLong()
        || value.longValue() < least
        || value.longValue() > most) {
      throw wrong(name, value, "a whole number" + range(least, most));
    }
    return value.longValue();
  }

  private double real(String name, JsonNode value, double least, double most) throws IOException {
    double number = value.isNumber() ? value.doubleValue() : Double.NaN;
    if (!(number >= least && number <= most) || Double.isInfinite(number)) {
      throw wrong(
          name,
          value,
          "a number"
              + (least == -Double.MAX_VALUE && most == Double.MAX_VALUE
                  ? ""
                  : most == Double.MAX_VALUE
                      ? " of at least " + least
                      : " from " + least + " to " + most));
    }
    return number;
  }

  Fields within(String name, JsonNode value) {
    return new Fields(file, path(name) + ".", value, remedy);
  }

  private static String range(long least, long most) {
    if (most == Long.MAX_VALUE) {
      return least == Long.MIN_VALUE ? "" : " of at least " + least;
    }
    return " from " + least + " to " + most;
  }

  private String path(String name) {
    return place + name;
  }

  private static String quoted(String path) {
    return Quoted.of(path, 2 * LONGEST);
  }
}
