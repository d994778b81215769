package io.sluice.text;

/**
 * A document among texts.
 *
 * @param file the number of its file, from 0, in the order of {@link TextReader#files}
 * @param document its number among the documents of that file that can be read, from 0
 */
public record TextPlace(int file, int document) {}
