"""The words the seed is made of: names, goods, complaints, notes and articles, all invented."""

FIRST_NAMES = (
    "Ada", "Bruno", "Clara", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas",
    "Kaya", "Lars", "Mina", "Noor", "Oskar",
)  # fmt: skip
LAST_NAMES = ("Albrecht", "Baker", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hassan", "Ivanova", "Jansen")
STREETS = ("Mill Lane", "Station Road", "Harbour Street", "Garden Row")
TOWNS = ("Bremen", "Utrecht", "Leeds", "Lyon", "Portland", "Aarhus")
STAFF = ("maria", "tom", "yuki")

ITEMS = (
    ("Standing desk", 42900),
    ("Desk lamp", 3950),
    ("Office chair", 27900),
    ("Monitor arm", 8900),
    ("Keyboard", 11900),
    ("Footrest", 2490),
    ("Webcam", 6900),
    ("Cable tray", 1890),
)

COMPLAINTS = (
    ("Parcel has not arrived", "The tracking page has shown the same place for six days. Where is it?", "shipping"),
    ("Arrived damaged", "The box was crushed and one leg is bent. I would like my money back.", "damage"),
    ("Wrong item", "I ordered the black one and received the white one. Please exchange it.", "shipping"),
    ("Invoice needed", "Our accounting needs an invoice with the VAT number on it.", "billing"),
    ("Charged twice", "My card statement shows the same amount two times on the same day.", "billing"),
    ("How do I assemble it?", "Step 7 of the manual mentions a part C which I cannot find.", "howto"),
    ("Change of address", "We are moving next week. Can you send it to the new place?", "shipping"),
    ("Makes a noise", "After two weeks of use the motor squeaks whenever it goes up.", "damage"),
)

NOTES = (
    "Called the customer, no answer. Try again tomorrow morning.",
    "Photos of the damage are on file, the carrier accepts the claim.",
    "Customer is on the plus tier: offer an exchange before a refund.",
    "Warehouse confirms that one black unit is in stock.",
)

ARTICLES = (
    (
        "Where is my parcel?",
        "shipping",
        "Tracking starts one working day after dispatch. After a week, open a ticket.",
    ),
    ("Refunds", "billing", "We refund in the currency of the order. Approved refunds take up to five working days."),
    ("Reporting damage", "returns", "Keep the packaging and attach two photos. We answer within one working day."),
    ("Exchanging an item", "returns", "Exchanges are free for thirty days. The label is in the parcel."),
    ("Invoices with VAT", "billing", "Write to us with your VAT number, and we issue the invoice again."),
    ("Assembling the standing desk", "howto", "Part C is taped to the underside of the table top."),
    ("Cancelling an order", "shipping", "An order can be cancelled until it is shipped."),
    ("Draft: winter opening hours", "howto", "To be agreed with the warehouse."),
)
