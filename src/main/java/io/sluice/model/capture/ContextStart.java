package io.sluice.model.capture;

import io.sluice.text.TextPlace;

/**
 * Where among texts a context is.
 *
 * @param place of its document
 * @param document the number of its document among all
 * @param contexts contexts of its document before it
 * @param tokens tokens of text before its document
 */
record ContextStart(TextPlace place, int document, int contexts, long tokens) {}
