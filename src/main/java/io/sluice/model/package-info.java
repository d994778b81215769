/**
 * Running real transformers: finding a model's files, tokenising, batches of contexts, the forward
 * pass through LibTorch with hook points that can be observed or replaced in flight, and capturing
 * what they write into an activation store.
 */
package io.sluice.model;
