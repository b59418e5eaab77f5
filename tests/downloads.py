"""Downloads of the GDC by their documented layout, small and drawn here."""

from __future__ import annotations

import json
from pathlib import Path

#: https://docs.gdc.cancer.gov/Data/Bioinformatics_Pipelines/Expression_mRNA_Pipeline/
STAR_COLUMNS = (
    "gene_id gene_name gene_type unstranded stranded_first stranded_second tpm_unstranded "
    "fpkm_unstranded fpkm_uq_unstranded"
).split()
UNASSIGNED = "N_unmapped N_multimapping N_noFeature N_ambiguous".split()
#: Gene id and symbol; two ids share a symbol, and one is the copy on Y.
GENES = [
    ("ENSG00000000003.15", "TSPAN6"),
    ("ENSG00000182378.15", "PLCXD1"),
    ("ENSG00000182378.15_PAR_Y", "PLCXD1"),
    ("ENSG00000141736.14", "ERBB2"),
    ("ENSG00000201098.1", "Y_RNA"),
    ("ENSG00000199347.1", "Y_RNA"),
]


def write_star_counts(path: Path, factor: float, genes: list[tuple[str, str]] = GENES) -> None:
    """A file of counts: gene i (from 1) has ``i * factor`` TPM and ten times as many reads."""
    lines = ["# gene-model: GENCODE v36", "\t".join(STAR_COLUMNS)]
    lines += ["\t".join([name, "", "", *["1000"] * 3, "", "", ""]) for name in UNASSIGNED]
    for number, (identity, name) in enumerate(genes, start=1):
        tpm, reads = f"{number * factor:.4f}", str(round(number * factor * 10))
        lines.append(
            "\t".join([identity, name, "protein_coding", reads, "0", "0", tpm, "0.5", "0.7"])
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_gdc_download(folder: Path, aliquots: dict[str, float], *, as_json: bool = False) -> None:
    """A cart of STAR counts, one file an aliquot (barcode → factor), with the sheet of the portal."""
    rows, entries = [], []
    for number, (barcode, factor) in enumerate(aliquots.items()):
        file_id = f"{number:08d}-0000-4000-8000-000000000000"
        name = f"{number:08d}-1111-4000-8000-000000000000.rna_seq.augmented_star_gene_counts.tsv"
        write_star_counts(folder / file_id / name, factor)
        kind = "Primary Tumor" if barcode[13:15] == "01" else "Solid Tissue Normal"
        rows.append(
            [
                file_id,
                name,
                "Transcriptome Profiling",
                "Gene Expression Quantification",
                "TCGA-BRCA",
                barcode[:12],
                barcode[:16],
                kind,
            ]
        )
        entity = {"entity_submitter_id": barcode, "entity_type": "aliquot", "case_id": "x"}
        entries.append({"file_id": file_id, "file_name": name, "associated_entities": [entity]})
    if as_json:
        (folder / "metadata.cart.2026-11-24.json").write_text(json.dumps(entries))
        return
    header = "File ID,File Name,Data Category,Data Type,Project ID,Case ID,Sample ID,Sample Type"
    lines = ["\t".join(row) for row in [header.split(","), *rows]]
    (folder / "gdc_sample_sheet.2026-11-24.tsv").write_text("\n".join(lines) + "\n")
