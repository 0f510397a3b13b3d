namespace assay { }
