"""LangChain's parser of recordings."""

import importlib.metadata

from langchain_community.document_loaders.parsers.audio import OpenAIWhisperParser
from langchain_core.documents.base import Blob

import told


def parse():
    parser = OpenAIWhisperParser(api_key="any", base_url=told.URL + "/v1")
    return " ".join(document.page_content for document in parser.lazy_parse(Blob.from_path(told.WAV)))


told.attempt("langchain OpenAIWhisperParser", importlib.metadata.version("langchain-community"), parse)
