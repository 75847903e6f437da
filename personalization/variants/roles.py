"""Which permissions each role needs: for groups, for the demonstration, and for the test that walks every page."""

# Asks for variants, writes some by hand, corrects and submits them; never decides about their own.
EDITOR = ("view_variant", "add_variant", "change_variant", "generate_variant", "view_approvalrecord")
# Approves, sends back, rejects and retires what others asked for.
REVIEWER = ("view_variant", "change_variant", "approve_variant", "view_approvalrecord")
# Says how the model is told to write, what no draft may say, what a day may cost, and what visitors are told.
ADMINISTRATOR = (
    *("add_prompttemplate", "change_prompttemplate", "delete_prompttemplate"),
    *("add_ruleset", "change_ruleset", "delete_ruleset"),
    *("add_budget", "change_budget", "delete_budget"),
    *("change_variantsettings", "view_generationrequest", "change_generationrequest"),
    *("view_variant", "view_approvalrecord"),
)
ROLES = {"editor": EDITOR, "reviewer": REVIEWER, "administrator": ADMINISTRATOR}
