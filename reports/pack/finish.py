"""Turn WeasyPrint's PDF/A-3a into a file that is PDF/A-3a and PDF/UA-1 and cheap to verify.

- WeasyPrint claims one standard at a time, so the PDF/UA identification is added here, with the extension schema
  by which PDF/A allows it, inside the one rdf:RDF that is there.
- Every page's tab order follows the structure: PDF/UA wants it once a signature's widget lands on a page.
- Objects are spread over object streams of ordinary size: with WeasyPrint's single one, verification is quadratic.
- The same input gives the same bytes: nothing here reads a clock, and the file's id is derived from its content.
"""

from __future__ import annotations

import io

import pikepdf

_END = b"</rdf:RDF>"

_PDFUA = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" pdfuaid:part="1"/>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>PDF/UA version identifier</pdfaProperty:description>
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
"""


def finish_pdf(pdf: bytes) -> bytes:
    """`pdf` (WeasyPrint, variant pdf/a-3a) with its PDF/UA claim, tab order and a normalised object layout.

    Byte-for-byte the same for the same input and the same pikepdf.

    Raises:
        ValueError: `pdf` is no PDF/A with XMP metadata, or was finished before: the caller's mistake.
    """
    try:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            document.Root.Metadata = _metadata(document)
            for page in document.pages:
                page.obj["/Tabs"] = pikepdf.Name("/S")
            target = io.BytesIO()
            document.save(
                target,
                deterministic_id=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
            )
    except pikepdf.PdfError as error:
        raise ValueError(f"the rendered pack is not a readable PDF: {error}") from error
    return target.getvalue()


def _metadata(document: pikepdf.Pdf) -> pikepdf.Object:
    stream = document.Root.get("/Metadata")
    xmp = stream.read_bytes() if isinstance(stream, pikepdf.Stream) else b""
    if xmp.count(_END) != 1 or b"pdfaid:part" not in xmp:
        raise ValueError("the rendered pack has no PDF/A metadata: render it with the variant pdf/a-3a")
    if b"pdfuaid:part" in xmp:
        raise ValueError("the rendered pack claims PDF/UA already: it was finished twice")
    result = pikepdf.Stream(document, xmp.replace(_END, _PDFUA + _END))
    result["/Type"] = pikepdf.Name("/Metadata")
    result["/Subtype"] = pikepdf.Name("/XML")
    return document.make_indirect(result)
