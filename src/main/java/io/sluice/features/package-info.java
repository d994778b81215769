/**
 * The features of a dictionary as data: the folder that {@code sluice features} writes, and one
 * feature of it as it is shown. Readers and writers of its files belong here, each beside the
 * other. What fills them belongs into packages below: {@code gather} makes the pass over a store,
 * {@code effects} runs the model. Nothing here needs a model, and nothing prints.
 */
package io.sluice.features;
