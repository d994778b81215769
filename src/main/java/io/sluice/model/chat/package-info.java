/**
 * Chat templates of models: conversations become the text that the model was trained on. {@link
 * io.sluice.model.chat.ChatTemplate} finds and renders them; the rest interprets Jinja, as far as
 * chat templates use it.
 */
package io.sluice.model.chat;
