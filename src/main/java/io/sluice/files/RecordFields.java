package io.sluice.files;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds records from JSON objects like Jackson, but strictly: Jackson would read a missing
 * primitive component as 0 and convert texts to numbers.
 */
final class RecordFields {
  private RecordFields() {}

  static <T extends Record> T read(Fields fields, Class<T> type) throws IOException {
    RecordComponent[] components = type.getRecordComponents();
    Object[] values = new Object[components.length];
    Class<?>[] types = new Class<?>[components.length];
    for (int i = 0; i < components.length; i++) {
      RecordComponent component = components[i];
      types[i] = component.getType();
      String name = name(component);
      values[i] =
          fields.has(name) || isRequired(component)
              ? value(fields, name, fields.value(name), component.getGenericType())
              : otherwise(types[i]);
    }
    return fields.build(() -> make(type, types, values));
  }

  /** The name in files: the component's own, unless {@link JsonProperty} gives another. */
  private static String name(RecordComponent component) {
    JsonProperty property = component.getAccessor().getAnnotation(JsonProperty.class);
    return property == null || property.value().isEmpty() ? component.getName() : property.value();
  }

  /** A primitive component is required unless it declares the default of earlier versions. */
  private static boolean isRequired(RecordComponent component) {
    JsonProperty property = component.getAccessor().getAnnotation(JsonProperty.class);
    return component.getType().isPrimitive()
        && (property == null || !property.defaultValue().equals("0"));
  }

  private static Object otherwise(Class<?> type) {
    return type.isPrimitive() ? Array.get(Array.newInstance(type, 1), 0) : null;
  }

  private static <T> T make(Class<T> type, Class<?>[] types, Object[] values) {
    try {
      Constructor<T> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      switch (e.getCause()) {
        case IllegalArgumentException refused -> throw refused;
        // A component that must not be null is missing in the file.
        case NullPointerException missing ->
            throw new IllegalArgumentException("a field is missing or null", missing);
        default -> throw new IllegalStateException(type + " cannot be made", e.getCause());
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(type + " is no record that can be read", e);
    }
  }

  private static Object value(Fields at, String name, JsonNode value, Type type)
      throws IOException {
    if (type instanceof ParameterizedType list && list.getRawType() == List.class) {
      return list(at, name, value, list.getActualTypeArguments()[0]);
    }
    if (!(type instanceof Class<?> plain)) {
      throw new IllegalStateException("no field is read as a " + type);
    }
    if (plain.isArray()) {
      List<Object> all = list(at, name, value, plain.componentType());
      Object array = Array.newInstance(plain.componentType(), all.size());
      for (int i = 0; i < all.size(); i++) {
        Array.set(array, i, all.get(i));
      }
      return array;
    }
    if (plain.isRecord()) {
      if (!value.isObject()) {
        throw at.wrong(name, value, "an object");
      }
      return read(at.within(name, value), plain.asSubclass(Record.class));
    }
    return scalar(at, name, value, plain);
  }

  private static List<Object> list(Fields at, String name, JsonNode value, Type of)
      throws IOException {
    if (!value.isArray()) {
      throw at.wrong(name, value, "a list");
    }
    List<Object> all = new ArrayList<>(value.size());
    for (JsonNode each : value) {
      all.add(value(at, name + "[" + all.size() + "]", each, of));
    }
    return all;
  }

  private static Object scalar(Fields at, String name, JsonNode value, Class<?> type)
      throws IOException {
    if (type == int.class || type == Integer.class) {
      return (int) at.whole(name, value, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }
    if (type == long.class || type == Long.class) {
      return at.whole(name, value, Long.MIN_VALUE, Long.MAX_VALUE);
    }
    if (type == double.class || type == Double.class) {
      return real(at, name, value);
    }
    if (type == boolean.class || type == Boolean.class) {
      if (!value.isBoolean()) {
        throw at.wrong(name, value, "true or false");
      }
      return value.booleanValue();
    }
    if (type == String.class) {
      if (!value.isTextual()) {
        throw at.wrong(name, value, "a text");
      }
      return value.textValue();
    }
    throw new IllegalStateException("no field is read as a " + type);
  }

  /** Jackson writes NaN and infinities in quotation marks. */
  private static double real(Fields at, String name, JsonNode value) throws IOException {
    if (value.isNumber() && Double.isFinite(value.doubleValue())) {
      return value.doubleValue();
    }
    return switch (value.isTextual() ? value.textValue() : "") {
      case "NaN" -> Double.NaN;
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      default -> throw at.wrong(name, value, "a number");
    };
  }
}
