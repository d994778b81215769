package io.sluice.hub;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of a repository on the hub, or of a folder or file in it: {@code
 * OWNER/NAME[@REVISION][/PATH]}, with or without {@code hf://} or {@code hf://models/} before it.
 * This is the grammar of {@code huggingface_hub}'s {@code hf://} addresses. A slash in a revision
 * is written {@code %2F}, except in {@code refs/pr/N} and {@code refs/convert/NAME}.
 *
 * @param repository owner and name, with a slash between them
 * @param revision a branch, a tag or a commit; {@code main} where the name has none
 * @param path a folder or file in the repository; empty for its root
 * @param isExplicit whether it began with {@code hf://}, so that it cannot be a local path
 */
public record HubName(String repository, String revision, String path, boolean isExplicit) {
  /** How names are written, for messages. */
  public static final String FORM = "OWNER/NAME[@REVISION][/PATH]";

  private static final String MAIN = "main";
  private static final int LONGEST = 96;
  private static final Pattern SCHEME =
      Pattern.compile("hf:/+(?!(?:datasets|spaces|kernels|buckets)/)(models/)?");
  private static final Pattern WHOLE = Pattern.compile("([^/@]+/[^/@]+)(?:@(.+?))?(/.*)?");
  private static final Pattern AT_SLASH = Pattern.compile("refs/(?:convert/[\\w.-]+|pr/\\d+)");
  private static final Pattern PART = Pattern.compile("[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?");
  private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9._+/-]{1,200}");

  /**
   * Reads a name.
   *
   * @param text as on a command line; a path that collapsed {@code //} to {@code /} is understood
   * @return empty if it cannot be a name on the hub
   */
  public static Optional<HubName> parse(String text) {
    Matcher scheme = SCHEME.matcher(text);
    boolean explicit = scheme.lookingAt();
    String body = explicit ? text.substring(scheme.end()) : text;
    int at = body.indexOf('@');
    Matcher special = AT_SLASH.matcher(body).region(Math.max(at + 1, 0), body.length());
    String repository;
    String revision = MAIN;
    String rest = "";
    if (at >= 0 && special.lookingAt()) {
      repository = body.substring(0, at);
      revision = special.group();
      rest = body.substring(special.end());
    } else {
      Matcher whole = WHOLE.matcher(body);
      if (!whole.matches()) {
        return Optional.empty();
      }
      repository = whole.group(1);
      revision = whole.group(2) == null ? MAIN : decoded(whole.group(2));
      rest = whole.group(3) == null ? "" : whole.group(3);
    }
    String path = rest.replaceFirst("^/", "").replaceFirst("/$", "");
    boolean valid =
        isRepository(repository)
            && isRevision(revision)
            && (rest.isEmpty() || rest.startsWith("/"))
            && (path.isEmpty() || isInside(path));
    return valid
        ? Optional.of(new HubName(repository, revision, path, explicit))
        : Optional.empty();
  }

  /** The part before the slash. */
  String owner() {
    return repository.substring(0, repository.indexOf('/'));
  }

  /** The name as it is written, without {@code hf://}. */
  @Override
  public String toString() {
    return repository
        + (revision.equals(MAIN) ? "" : "@" + revision)
        + (path.isEmpty() ? "" : "/" + path);
  }

  /** The same with another folder or file of the repository. */
  HubName at(String other) {
    return new HubName(repository, revision, other, isExplicit);
  }

  /** Whether a file name stays inside the folder that it is relative to. */
  static boolean isInside(String path) {
    return Arrays.stream(path.split("/", -1))
        .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals("..") || isOdd(part));
  }

  private static boolean isOdd(String part) {
    return part.chars().anyMatch(c -> c == '\\' || Character.isISOControl(c));
  }

  private static boolean isRepository(String repository) {
    List<String> parts = List.of(repository.split("/", -1));
    return parts.size() == 2
        && repository.length() <= LONGEST
        && parts.stream().allMatch(part -> PART.matcher(part).matches())
        && !repository.contains("--")
        && !repository.contains("..")
        && !repository.endsWith(".git");
  }

  private static boolean isRevision(String revision) {
    return REVISION.matcher(revision).matches()
        && isInside(revision)
        && Arrays.stream(revision.split("/")).noneMatch(part -> part.startsWith("."));
  }

  private static String decoded(String revision) {
    return revision.contains("%2F") || revision.contains("%2f")
        ? URLDecoder.decode(revision.replace("+", "%2B"), StandardCharsets.UTF_8)
        : revision;
  }
}
