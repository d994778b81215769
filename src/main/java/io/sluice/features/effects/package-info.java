/**
 * What features do in a model: the tokens that they promote and suppress, the heads and source
 * positions that they come from, and which of them fire on a given text. Classes here run the
 * model. What they find is stored by {@code io.sluice.features}, which needs no model; nothing here
 * prints.
 */
package io.sluice.features.effects;
