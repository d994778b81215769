package io.sluice.hub;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the hub and its cache are, from the environment variables that Python's {@code
 * huggingface_hub} reads.
 *
 * @param endpoint the hub's address, without a slash at the end ({@code HF_ENDPOINT})
 * @param cache the folder with a folder for each repository ({@code HF_HUB_CACHE}, {@code HF_HOME})
 * @param isOffline whether nothing is asked of the hub ({@code HF_HUB_OFFLINE})
 * @param token what a private or gated repository asks for; empty for none. {@code HF_TOKEN}, or
 *     the file that {@code hf auth login} writes
 * @param links whether files of the cache are linked to their content, not moved ({@code
 *     HF_HUB_DISABLE_SYMLINKS})
 * @param proxy between this machine and the hub ({@code HTTPS_PROXY} and its relatives)
 * @param timeout how long the hub may be silent ({@code HF_HUB_DOWNLOAD_TIMEOUT})
 */
record HubSettings(
    URI endpoint,
    Path cache,
    boolean isOffline,
    String token,
    boolean links,
    ProxySelector proxy,
    Duration timeout) {
  private static final String PUBLIC = "https://huggingface.co";
  private static final long TIMEOUT_SECONDS = 10;
  private static final int LONGEST_TOKEN = 4096;
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final Pattern VARIABLE = Pattern.compile("\\$(?:(\\w+)|\\{(\\w+)\\})");

  /**
   * Reads the environment.
   *
   * @param home the user's home folder
   * @throws IOException if a variable or the token's file cannot be used; the token is not shown
   */
  static HubSettings of(Map<String, String> environment, Path home) throws IOException {
    Path hf =
        path(
            environment,
            "HF_HOME",
            home,
            path(environment, "XDG_CACHE_HOME", home, home.resolve(".cache"))
                .resolve("huggingface"));
    Path cache =
        path(
            environment,
            "HF_HUB_CACHE",
            home,
            path(environment, "HUGGINGFACE_HUB_CACHE", home, hf.resolve("hub")));
    return new HubSettings(
        endpoint(first(environment, "HF_ENDPOINT")),
        cache.toAbsolutePath().normalize(),
        isTrue(first(environment, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
        token(environment, path(environment, "HF_TOKEN_PATH", home, hf.resolve("token"))),
        !isTrue(first(environment, "HF_HUB_DISABLE_SYMLINKS")),
        EnvironmentProxy.of(environment),
        Duration.ofSeconds(seconds(first(environment, "HF_HUB_DOWNLOAD_TIMEOUT"))));
  }

  /** The first of these variables that is not empty; empty if none is. */
  private static String first(Map<String, String> environment, String... names) {
    for (String name : names) {
      String value = environment.getOrDefault(name, "");
      if (!value.isBlank()) {
        return value.strip();
      }
    }
    return "";
  }

  private static boolean isTrue(String value) {
    return TRUE.contains(value.toUpperCase(Locale.ROOT));
  }

  private static long seconds(String value) throws IOException {
    if (value.isEmpty()) {
      return TIMEOUT_SECONDS;
    }
    try {
      return Math.clamp(Long.parseLong(value), 1, 86_400);
    } catch (NumberFormatException e) {
      throw new IOException(
          "HF_HUB_DOWNLOAD_TIMEOUT is '" + value + "'; give a number of seconds", e);
    }
  }

  private static URI endpoint(String value) throws IOException {
    String text = value.isEmpty() ? PUBLIC : value.replaceFirst("/+$", "");
    try {
      URI endpoint = new URI(text);
      if (endpoint.getHost() != null && Redirects.isWeb(endpoint)) {
        return endpoint;
      }
    } catch (URISyntaxException e) {
      // Refused below.
    }
    throw new IOException(
        "HF_ENDPOINT is '" + value + "'; give an address such as " + PUBLIC + ", or leave it out");
  }

  private static Path path(
      Map<String, String> environment, String name, Path home, Path otherwise) {
    String value = first(environment, name);
    if (value.isEmpty()) {
      return otherwise;
    }
    if (value.equals("~") || value.startsWith("~/")) {
      value = home + value.substring(1);
    }
    // A variable that is not set stays as it is written, as in Python.
    return Path.of(
        VARIABLE
            .matcher(value)
            .replaceAll(
                each -> {
                  String variable = each.group(1) != null ? each.group(1) : each.group(2);
                  return Matcher.quoteReplacement(environment.getOrDefault(variable, each.group()));
                }));
  }

  private static String token(Map<String, String> environment, Path file) throws IOException {
    String source = "HF_TOKEN";
    String token = first(environment, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
    if (token.isEmpty()
        && !isTrue(first(environment, "HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        && Files.exists(file)) {
      source = file.toString();
      token = new String(RegularFile.bytes(file, LONGEST_TOKEN), StandardCharsets.UTF_8).strip();
    }
    // The HTTP client would quote it in its error.
    if (!token.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new IOException(
          source + ": holds characters that no token has; log in again with 'hf auth login'");
    }
    return token;
  }
}
